#include "text/character_normalizers.hpp"

#include <utf8proc.h>

#include "core/utf8.hpp"
#include "text/character.hpp"
#include "text/unicode_form.hpp"

namespace strata::text {
namespace {

// Calls `each` with every character and the new text; a call that adds nothing removes the
// character.
template <typename Each>
void rewrite(NormalText& text, Each each) {
  std::string out;
  out.reserve(text.text.size());
  bool start = true;
  for (std::string_view rest = text.text; !rest.empty(); start = false) {
    const auto length = first_sequence(rest).length;
    each(code_point(rest.substr(0, length)), out);
    if (start && out.empty()) text.first = false;
    rest.remove_prefix(length);
  }
  text.text = std::move(out);
}

// In lower case one character becomes two: U+0130.
void lower(char32_t c, std::string& out) {
  append_utf8(
      c == 0x130 ? U'i' : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))),
      out);
  if (c == 0x130) append_utf8(0x307, out);
}

void clean(char32_t c, std::string& out) {
  if (c == '\t' || c == '\n' || c == '\r' || (is_white(c) && !is_other(c))) {
    out += ' ';
  } else if (c != 0 && c != 0xfffd && !is_other(c)) {
    append_utf8(c, out);
  }
}

bool nmt_removes(char32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f ||
         c == 0x9f;
}

bool nmt_space(char32_t c) {
  return c == 0x9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 ||
         (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff ||
         c == 0xfffd;
}

}  // namespace

void Lowercase::apply(NormalText& text, RegexRoom&) const { rewrite(text, lower); }

void StripAccents::apply(NormalText& text, RegexRoom&) const {
  rewrite(text, [](char32_t c, std::string& out) {
    if (!is_mark(c)) append_utf8(c, out);
  });
}

void StripSpace::apply(NormalText& text, RegexRoom&) const {
  std::string_view rest = text.text;
  while (left_ && !rest.empty()) {
    const auto length = first_sequence(rest).length;
    if (!is_white(code_point(rest.substr(0, length)))) break;
    rest.remove_prefix(length);
    text.first = false;
  }
  while (right_ && !rest.empty()) {
    const auto length = last_length(rest);
    if (!is_white(code_point(rest.substr(rest.size() - length)))) break;
    rest.remove_suffix(length);
  }
  text.text = std::string(rest);
}

void Nmt::apply(NormalText& text, RegexRoom&) const {
  rewrite(text, [](char32_t c, std::string& out) {
    if (!nmt_removes(c)) append_utf8(nmt_space(c) ? U' ' : c, out);
  });
}

void BertNormalizer::apply(NormalText& text, RegexRoom&) const {
  if (options_.clean_text) rewrite(text, clean);
  if (options_.handle_chinese_chars)
    rewrite(text, [](char32_t c, std::string& out) {
      const bool alone = is_ideograph(c);
      if (alone) out += ' ';
      append_utf8(c, out);
      if (alone) out += ' ';
    });
  if (options_.strip_accents) {
    text.text = in_form(text.text, Form::nfd);
    rewrite(text, [](char32_t c, std::string& out) {
      if (!is_nonspacing_mark(c)) append_utf8(c, out);
    });
  }
  if (options_.lowercase) rewrite(text, lower);
}

}  // namespace strata::text
