#include "text/precompiled.hpp"

#include <utf8proc.h>

#include <stdexcept>

#include "core/utf8.hpp"

namespace strata::text {
namespace {

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// The offset of a unit's children in the double array, relative to the unit.
std::size_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000ff; }

// Clusters of this length and longer are looked up character by character.
constexpr std::size_t long_cluster = 6;

// The bytes of the text's first grapheme cluster.
std::size_t cluster_length(std::string_view text) {
  auto length = first_sequence(text).length;
  auto before = static_cast<utf8proc_int32_t>(code_point(text.substr(0, length)));
  utf8proc_int32_t state = 0;
  while (length < text.size()) {
    const auto next = first_sequence(text.substr(length)).length;
    const auto c = static_cast<utf8proc_int32_t>(code_point(text.substr(length, next)));
    if (utf8proc_grapheme_break_stateful(before, c, &state)) break;
    length += next;
    before = c;
  }
  return length;
}

}  // namespace

Precompiled::Precompiled(std::string_view charsmap) {
  const auto size = charsmap.size() < 4 ? 0 : little_endian(charsmap);
  if (size < 4 || size % 4 != 0 || size > charsmap.size() - 4)
    throw std::invalid_argument("a table of " + std::to_string(charsmap.size()) + " bytes");
  for (std::size_t at = 4; at < 4 + size; at += 4)
    units_.push_back(little_endian(charsmap.substr(at)));
  texts_ = charsmap.substr(4 + size);
  if (invalid_utf8(texts_)) throw std::invalid_argument("a table with texts that are not UTF-8");
}

std::optional<std::string_view> Precompiled::entry(std::string_view part) const {
  std::size_t at = offset_of(units_[0]);
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    at ^= byte;
    if (byte == 0 || at >= units_.size() || label_of(units_[at]) != byte) return std::nullopt;
    const auto unit = units_[at];
    at ^= offset_of(unit);
    if (!has_leaf(unit) || at >= units_.size()) continue;
    const auto text = units_[at] & 0x7fffffff;
    if (text >= texts_.size()) return std::nullopt;
    const auto rest = std::string_view(texts_).substr(text);
    // A text that begins inside a character is not valid.
    if (invalid_utf8(rest.substr(0, rest.find('\0')))) return std::nullopt;
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

void Precompiled::apply(NormalText& text, RegexRoom& room) const {
  std::string out;
  out.reserve(text.text.size());
  bool start = true;
  for (std::string_view rest = text.text; !rest.empty(); start = false) {
    const auto length = cluster_length(rest);
    auto cluster = rest.substr(0, length);
    rest.remove_prefix(length);
    const auto whole = length < long_cluster ? entry(cluster) : std::nullopt;
    if (whole) out += *whole;
    while (!whole && !cluster.empty()) {
      const auto character = cluster.substr(0, first_sequence(cluster).length);
      out += entry(character).value_or(character);
      cluster.remove_prefix(character.size());
    }
    if (start && out.empty()) text.first = false;
    room.check_size(out.size());
  }
  text.text = std::move(out);
}

}  // namespace strata::text
