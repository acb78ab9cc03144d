#include "core/text/text_stream.hpp"

namespace strata::text {

std::string TextStream::add(int32_t id) {
  std::string out;
  const auto bytes = tokenizer_.bytes(id);
  if (!skip_special_ || !tokenizer_.is_special(id)) utf8_.add(bytes, out);
  return out;
}

std::string TextStream::finish() {
  std::string out;
  utf8_.finish(out);
  return out;
}

}  // namespace strata::text
