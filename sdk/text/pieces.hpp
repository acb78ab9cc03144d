// A text on its way to the model: the normalized text, and the words cut from it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata::text {

// Text between the added tokens, as the normalizers change it one after the other.
struct NormalText {
  std::string text;  // valid UTF-8
  bool first;        // its first character is the first of the whole text
};

// Ranges of one text, in order; text between them is removed.
struct Pieces {
  struct Range {
    uint32_t begin, end;
  };
  std::string text;
  std::vector<Range> ranges;  // none is empty
  bool first = false;         // the first range begins with the first character of the whole text

  explicit Pieces(std::string_view whole, bool starts)
      : text(whole), ranges{{0, static_cast<uint32_t>(whole.size())}}, first(starts) {}

  std::string_view view(Range range) const {
    return std::string_view(text).substr(range.begin, range.end - range.begin);
  }
};

}  // namespace strata::text
