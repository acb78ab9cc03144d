#include "app/log.hpp"

#include "core/error.hpp"

namespace strata::app {

void Log::line(std::int32_t level, std::string_view words) const {
  constexpr std::size_t longest =
      300 - 20;  // of a line, less the program's prefix before the words
  if (write_) write_(level, printable(words, longest));
}

}  // namespace strata::app
