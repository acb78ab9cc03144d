#include "text/unicode_form.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "core/utf8.hpp"

namespace strata::text {
namespace {

// Every character below U+0300 is in form C and ASCII is in all forms, and so are texts of them.
bool plain(std::string_view text, Form form) {
  const unsigned char end = form == Form::nfc ? 0xcc : 0x80;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return static_cast<unsigned char>(c) < end; });
}

std::vector<utf8proc_int32_t> decomposed(std::string_view text, int options) {
  std::vector<utf8proc_int32_t> out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = first_sequence(text).length;
    const auto c = static_cast<utf8proc_int32_t>(code_point(text.substr(0, length)));
    utf8proc_int32_t parts[32];  // U+FDFA becomes 18
    const auto count = utf8proc_decompose_char(c, parts, std::size(parts),
                                               static_cast<utf8proc_option_t>(options), nullptr);
    if (count < 0 || count > static_cast<utf8proc_ssize_t>(std::size(parts)))
      throw std::runtime_error(utf8proc_errmsg(count));
    out.insert(out.end(), parts, parts + count);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string in_form(std::string_view text, Form form) {
  if (plain(text, form)) return std::string(text);
  const int compatible = form == Form::nfkc || form == Form::nfkd ? UTF8PROC_COMPAT : 0;
  auto points = decomposed(text, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | compatible);
  // utf8proc orders marks by swapping neighbors, in n * n steps for a run of n.
  const auto mark = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (auto begin = points.begin(); begin != points.end();) {
    const auto end = std::find_if(begin, points.end(), [&](auto c) { return mark(c) == 0; });
    std::stable_sort(begin, end, [&](auto a, auto b) { return mark(a) < mark(b); });
    begin = end == points.end() ? end : end + 1;
  }
  auto count = static_cast<utf8proc_ssize_t>(points.size());
  if (form == Form::nfc || form == Form::nfkc)
    count = utf8proc_normalize_utf32(
        points.data(), count, static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  if (count < 0) throw std::runtime_error(utf8proc_errmsg(count));
  std::string out;
  out.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    append_utf8(static_cast<char32_t>(points[static_cast<std::size_t>(i)]), out);
  return out;
}

void UnicodeForm::apply(NormalText& text, RegexRoom&) const {
  text.text = in_form(text.text, form_);
}

}  // namespace strata::text
