// Columns of text.
#pragma once
#include <algorithm>
#include <string>

namespace strata::host {

// `text` and spaces up to `width`, at least one.
inline std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

}  // namespace strata::host
