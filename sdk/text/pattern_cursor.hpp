// Reading of Oniguruma patterns: characters and escapes, inside classes and outside.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace strata::text {

// One item of a pattern that matches one character.
struct PatternItem {
  std::optional<char32_t> one;  // a single character, or
  std::string set;              // the spelling of a set inside a PCRE2 class
};

// The reading position in a pattern. Throws std::invalid_argument that names a construct that is
// not accepted, and its place.
class PatternCursor {
 public:
  explicit PatternCursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  bool ahead(std::string_view what) const { return text_.substr(at_, what.size()) == what; }
  std::string_view rest() const { return text_.substr(at_); }
  void skip(std::size_t bytes) { at_ += bytes; }
  [[noreturn]] void refuse(std::string_view what) const;

  // Reads a character, an escaped one or a set; the cursor is not at the end.
  PatternItem next();

 private:
  PatternItem escape();
  char32_t hex(std::size_t least, std::size_t most);
  char32_t braced_hex();
  std::string property(bool negated);

  std::string_view text_;
  std::size_t at_ = 0;
};

// A character as PCRE2 spells it anywhere.
std::string pcre2_literal(char32_t c);

// The characters of a word, inside a PCRE2 class.
inline constexpr std::string_view word_set = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";

}  // namespace strata::text
