#include "text/pattern_cursor.hpp"

#include <cctype>
#include <stdexcept>

#include "core/utf8.hpp"

namespace strata::text {
namespace {

// White space by Unicode's property, and its complement, as ranges inside a class.
constexpr std::string_view space =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view no_space =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff})"
    R"(\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";

}  // namespace

std::string pcre2_literal(char32_t c) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  do hex.insert(hex.begin(), digits[c % 16]);
  while (c /= 16);
  return "\\x{" + hex + "}";
}

void PatternCursor::refuse(std::string_view what) const {
  throw std::invalid_argument(std::string(what) + " at byte " + std::to_string(at_));
}

PatternItem PatternCursor::next() {
  if (text_[at_] == '\\') return escape();
  const auto length = first_sequence(text_.substr(at_)).length;
  const auto c = code_point(text_.substr(at_, length));
  at_ += length;
  return {c, {}};
}

PatternItem PatternCursor::escape() {
  if (++at_ == text_.size()) refuse("a lone '\\'");
  const char c = text_[at_];
  if (!std::isalnum(static_cast<unsigned char>(c))) {
    const auto length = first_sequence(text_.substr(at_)).length;
    const auto point = code_point(text_.substr(at_, length));
    at_ += length;
    return {point, {}};
  }
  ++at_;
  switch (c) {
    case 't':
      return {U'\t', {}};
    case 'n':
      return {U'\n', {}};
    case 'r':
      return {U'\r', {}};
    case 'f':
      return {U'\f', {}};
    case 'v':
      return {U'\v', {}};
    case 'a':
      return {U'\a', {}};
    case 'e':
      return {char32_t{0x1b}, {}};
    case 's':
      return {{}, std::string(space)};
    case 'S':
      return {{}, std::string(no_space)};
    case 'w':
      return {{}, std::string(word_set)};
    case 'h':
      return {{}, "0-9a-fA-F"};
    case 'd':
      return {{}, "\\p{Nd}"};
    case 'D':
      return {{}, "\\P{Nd}"};
    case 'p':
      return {{}, property(false)};
    case 'P':
      return {{}, property(true)};
    case 'x':
      return {ahead("{") ? braced_hex() : hex(1, 2), {}};
    case 'u':
      return {hex(4, 4), {}};
    default:
      refuse("'\\" + std::string(1, c) + "'");
  }
}

char32_t PatternCursor::hex(std::size_t least, std::size_t most) {
  char32_t value = 0;
  std::size_t digits = 0;
  while (digits < most && at_ < text_.size() &&
         std::isxdigit(static_cast<unsigned char>(text_[at_]))) {
    const auto c = static_cast<char32_t>(std::tolower(text_[at_]));
    value = value * 16 + (c <= U'9' ? c - U'0' : c - U'a' + 10);
    ++at_, ++digits;
  }
  if (digits < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
    refuse("a wrong code point");
  // Below 0x80 a byte is a character; above, \xHH is one byte of a character.
  if (most == 2 && value >= 0x80) refuse("'\\x' of a byte that is no character");
  return value;
}

char32_t PatternCursor::braced_hex() {
  ++at_;
  const auto value = hex(1, 6);
  if (!ahead("}")) refuse("a wrong code point");
  ++at_;
  return value;
}

// Reads {Lu}, {^Lu}, {Alphabetic} or {Han}: a general category, else a script by its name.
std::string PatternCursor::property(bool negated) {
  if (!ahead("{")) refuse("'\\p' without braces");
  const auto end = text_.find('}', at_);
  if (end == std::string_view::npos) refuse("'\\p' without its '}'");
  auto name = text_.substr(at_ + 1, end - at_ - 1);
  if (!name.empty() && name[0] == '^') negated = !negated, name.remove_prefix(1);
  if (name.empty()) refuse("a property without a name");
  for (const char c : name)
    if (!std::isalpha(static_cast<unsigned char>(c)) && c != '_') refuse("a property's name");
  static constexpr std::string_view categories =
      " C Cc Cf Cn Co L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm "
      "So Z Zl Zp Zs ";
  const bool category = categories.find(" " + std::string(name) + " ") != std::string_view::npos;
  at_ = end + 1;
  // In PCRE2 a plain script name would include its script extensions.
  return std::string(negated ? "\\P{" : "\\p{") + (category || name == "Alphabetic" ? "" : "sc:") +
         std::string(name) + "}";
}

}  // namespace strata::text
