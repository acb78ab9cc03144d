#include "text/jinja/literal.hpp"

#include <charconv>

#include "core/utf8.hpp"

namespace strata::text::jinja {
namespace {

constexpr std::string_view letters = "abfnrtv\\'\"";
constexpr std::string_view meant = "\a\b\f\n\r\t\v\\'\"";

// Appends the character of `digits` in base 16 or 8; refuses a surrogate or no character at all.
bool append_code(std::string_view digits, int base, std::size_t wanted, Literal& out) {
  unsigned code = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.size() < wanted ||
      code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
    out.refusal = "an escape in a text is no character";
    return false;
  }
  append_utf8(code, out.value);
  return true;
}

// Reads the escape behind the backslash at `at` and moves past it. False where it is refused.
bool escape(std::string_view text, std::size_t& at, Literal& out) {
  const char c = text[at];
  if (const auto known = letters.find(c); known != letters.npos) {
    out.value += meant[known];
    ++at;
    return true;
  }
  if (c == '\n') return ++at, true;
  if (c >= '0' && c <= '7') {
    std::size_t count = 1;
    while (count < 3 && at + count < text.size() && text[at + count] >= '0' &&
           text[at + count] <= '7')
      ++count;
    at += count;
    return append_code(text.substr(at - count, count), 8, count, out);
  }
  if (c == 'x' || c == 'u' || c == 'U') {
    const std::size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    const auto digits = text.substr(at + 1, count);
    at += 1 + digits.size();
    return append_code(digits, 16, count, out);
  }
  if (c == 'N' || static_cast<unsigned char>(c) >= 0x80) {
    out.refusal = "an escape in a text is not supported";
    return false;
  }
  out.value += '\\';  // Python keeps an unknown escape as it is
  return true;
}

}  // namespace

Literal read_literal(std::string_view text) {
  Literal out;
  std::size_t at = 1;
  while (at < text.size() && text[at] != text[0]) {
    if (text[at] != '\\') {
      out.value += text[at++];
      continue;
    }
    if (++at == text.size()) break;
    if (!escape(text, at, out)) return out;
  }
  if (at >= text.size()) out.refusal = "a text does not end";
  out.length = at + 1;
  return out;
}

}  // namespace strata::text::jinja
