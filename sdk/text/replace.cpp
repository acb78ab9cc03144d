#include "text/replace.hpp"

#include "text/byte_level.hpp"

namespace strata::text {

std::string replaced(std::string_view text, const Regex& pattern, std::string_view content,
                     RegexRoom& room) {
  std::vector<Regex::Part> parts;
  pattern.parts(text, room, parts);
  std::string out;
  out.reserve(text.size());
  for (const auto& part : parts) {
    out += part.match ? content : part.text;
    room.check_size(out.size());
  }
  return out;
}

void Prepend::apply(NormalText& text, RegexRoom&) const {
  if (!text.text.empty()) text.text.insert(0, content_);
}

void Replace::apply(NormalText& text, RegexRoom& room) const {
  const bool removes = content_.empty() && pattern_.starts(text.text, room);
  text.text = replaced(text.text, pattern_, content_, room);
  text.first &= !removes;
}

void SpellBytes::apply(NormalText& text, RegexRoom&) const { text.text = spell(text.text); }

}  // namespace strata::text
