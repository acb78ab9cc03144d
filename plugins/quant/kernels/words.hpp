// The words of a scheme, "KEY WORD NUMBER ...", one after the other.
#pragma once
#include <string_view>

namespace strata::kernels {

// Takes the word up to a space, and the space; "" behind the last one.
inline std::string_view take_word(std::string_view& text) {
  const auto end = text.find(' ');
  const auto word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

}  // namespace strata::kernels
