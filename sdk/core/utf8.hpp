// UTF-8 in foreign bytes: checks, and repair where it is broken.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace strata {

// The first bytes of a text as a sequence of UTF-8 (Unicode 15, table 3-7).
struct Utf8Sequence {
  enum class State { complete, invalid, cut };
  State state;         // cut: good so far, and the text ends
  std::size_t length;  // bytes; of an invalid one its maximal subpart, at least 1
};
// `text` is not empty.
Utf8Sequence first_sequence(std::string_view text);

// The index of the first byte that does not belong to a whole sequence.
std::optional<std::size_t> invalid_utf8(std::string_view text);

// The bytes of the last character of valid UTF-8 that is not empty.
std::size_t last_length(std::string_view text);

// The code point of a complete sequence.
char32_t code_point(std::string_view sequence);
// Appends the sequence of a code point below 0x110000 that is no surrogate.
void append_utf8(char32_t c, std::string& out);

// Turns bytes into valid UTF-8, each maximal subpart of a broken sequence into one U+FFFD. A
// sequence that is cut at the end of the bytes waits for the next ones.
class LossyUtf8 {
 public:
  void add(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  std::string cut_;
};

}  // namespace strata
