#include "core/source/names_text.hpp"

#include "core/error.hpp"

namespace strata::source {

std::string first_of(std::span<const std::string> names, std::size_t length) {
  std::string out;
  std::size_t said = 0;
  for (const auto& name : names) {
    const auto quoted = "'" + printable(name, 80) + "'";
    if (said > 0 && out.size() + quoted.size() > length) break;
    out.append(said++ > 0 ? ", " : "").append(quoted);
  }
  if (said < names.size()) out.append(" and " + std::to_string(names.size() - said) + " more");
  return out;
}

}  // namespace strata::source
