#include "text/jinja/python_text.hpp"

#include <string.h>
#include <utf8proc.h>

#include "core/utf8.hpp"

namespace strata::text::jinja {
namespace {

bool in_set(std::string_view one, const std::string* set) {
  if (!set) return is_space(code_point(one));
  for (const auto other : characters(*set))
    if (one == other) return true;
  return false;
}

using Mapping = utf8proc_int32_t (*)(utf8proc_int32_t);

// Whether the other case of a character has several characters, or depends on its neighbors.
bool special_case(char32_t c, Mapping mapping) {
  if (mapping == utf8proc_tolower) return c == 0x130 || c == 0x3a3;
  return c == 0xdf || c == 0x149 || c == 0x1f0 || c == 0x390 || c == 0x3b0 || c == 0x587 ||
         (c >= 0x1e96 && c <= 0x1e9a) || (c >= 0x1f50 && c <= 0x1fff) ||
         (c >= 0xfb00 && c <= 0xfb17);
}

bool is_category(char32_t c, int category) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == category;
}

bool has_case(char32_t c) {
  return is_category(c, UTF8PROC_CATEGORY_LU) || is_category(c, UTF8PROC_CATEGORY_LL) ||
         is_category(c, UTF8PROC_CATEGORY_LT);
}

void append_mapped(std::string& out, char32_t c, Mapping mapping) {
  if (special_case(c, mapping)) {
    std::string one;
    append_utf8(c, one);
    throw Refused("the other case of '" + one + "' is not supported");
  }
  append_utf8(static_cast<char32_t>(mapping(static_cast<utf8proc_int32_t>(c))), out);
}

std::string mapped(std::string_view text, Mapping mapping) {
  std::string out;
  for (const auto one : characters(text)) append_mapped(out, code_point(one), mapping);
  return out;
}

bool all_cased(std::string_view text, int wanted, int other) {
  bool any = false;
  for (const auto one : characters(text)) {
    const auto c = code_point(one);
    if (is_category(c, other) || is_category(c, UTF8PROC_CATEGORY_LT)) return false;
    any = any || is_category(c, wanted);
  }
  return any;
}

bool ends_line(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto bytes = first_sequence(text).length;
    out.push_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return out;
}

std::size_t length(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const auto* at = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return at ? static_cast<std::size_t>(static_cast<const char*>(at) - text.data())
            : std::string_view::npos;
}

std::string_view strip_left(std::string_view text, const std::string* set) {
  while (!text.empty()) {
    const auto bytes = first_sequence(text).length;
    if (!in_set(text.substr(0, bytes), set)) break;
    text.remove_prefix(bytes);
  }
  return text;
}

std::string_view strip_right(std::string_view text, const std::string* set) {
  while (!text.empty()) {
    auto at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
    if (!in_set(text.substr(at), set)) break;
    text = text.substr(0, at);
  }
  return text;
}

std::string upper(std::string_view text) { return mapped(text, utf8proc_toupper); }
std::string lower(std::string_view text) { return mapped(text, utf8proc_tolower); }

std::string capitalized(std::string_view text) {
  std::string out;
  for (const auto one : characters(text))
    append_mapped(out, code_point(one), out.empty() ? utf8proc_totitle : utf8proc_tolower);
  return out;
}

std::string titled(std::string_view text) {
  std::string out;
  bool inside = false;
  for (const auto one : characters(text)) {
    const auto c = code_point(one);
    append_mapped(out, c, inside ? utf8proc_tolower : utf8proc_totitle);
    inside = has_case(c);
  }
  return out;
}

bool is_upper(std::string_view text) {
  return all_cased(text, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LL);
}
bool is_lower(std::string_view text) {
  return all_cased(text, UTF8PROC_CATEGORY_LL, UTF8PROC_CATEGORY_LU);
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto one = text.substr(at, first_sequence(text.substr(at)).length);
    const auto end = at;
    at += one.size();
    if (!ends_line(code_point(one))) continue;
    if (one == "\r" && at < text.size() && text[at] == '\n') ++at;
    out.push_back(text.substr(begin, end - begin));
    begin = at;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

}  // namespace strata::text::jinja
