#include "app/training_log/html_text.hpp"

#include <algorithm>

#include "core/utf8.hpp"

namespace strata::training_log {
namespace {

// Whether XML 1.0 has the character. In HTML too U+0080 to U+009F are errors.
bool allowed(char32_t c) {
  return c == U'\t' || c == U'\n' || (c >= 0x20 && c < 0x7F) || (c >= 0xA0 && c < 0xFFFE) ||
         c >= 0x10000;
}

std::string_view entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

std::string start(std::string_view name, std::initializer_list<Attribute> attributes) {
  auto out = "<" + std::string(name);
  for (const auto& [key, value] : attributes)
    out += " " + std::string(key) + "=\"" + escaped(value) + "\"";
  return out;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [state, length] = first_sequence(text);
    const auto sequence = text.substr(0, length);
    text.remove_prefix(length);
    if (state != Utf8Sequence::State::complete || !allowed(code_point(sequence)))
      out += "\xEF\xBF\xBD";
    else if (const auto words = entity(sequence[0]); !words.empty())
      out += words;
    else
      out += sequence;
  }
  return out;
}

std::string opened(std::string_view name, std::initializer_list<Attribute> attributes) {
  return start(name, attributes) + ">";
}

std::string closed(std::string_view name, std::initializer_list<Attribute> attributes) {
  return start(name, attributes) + "/>";
}

std::string element(std::string_view name, std::initializer_list<Attribute> attributes,
                    std::string_view text) {
  return opened(name, attributes) + escaped(text) + "</" + std::string(name) + ">";
}

std::string color_of(std::size_t n) {
  constexpr std::size_t others = 8;
  return "var(--c" + std::to_string(std::min(n, others)) + ")";
}

std::string legend(const std::vector<std::string>& names) {
  auto out = opened("p", {{"class", "legend"}});
  for (std::size_t n = 0; n < names.size(); ++n)
    out += "<span>" + opened("i", {{"style", "background:" + color_of(n)}}) + "</i>" +
           escaped(names[n]) + "</span> ";
  return out + "</p>";
}

}  // namespace strata::training_log
