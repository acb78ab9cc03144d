#include "core/utf8.hpp"

#include <utility>

namespace strata {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

constexpr std::string_view replacement = "\xef\xbf\xbd";

}  // namespace

Utf8Sequence first_sequence(std::string_view text) {
  using State = Utf8Sequence::State;
  const auto lead = byte_at(text, 0);
  if (lead < 0x80) return {State::complete, 1};
  if (lead < 0xc2 || lead > 0xf4) return {State::invalid, 1};
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte's range leaves out overlong forms, surrogates and values past U+10FFFF.
  unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (std::size_t at = 1; at < length; ++at, low = 0x80, high = 0xbf) {
    if (at == text.size()) return {State::cut, at};
    if (byte_at(text, at) < low || byte_at(text, at) > high) return {State::invalid, at};
  }
  return {State::complete, length};
}

std::optional<std::size_t> invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto sequence = first_sequence(text.substr(at));
    if (sequence.state != Utf8Sequence::State::complete) return at;
    at += sequence.length;
  }
  return std::nullopt;
}

std::size_t last_length(std::string_view text) {
  std::size_t length = 1;
  while ((byte_at(text, text.size() - length) >> 6) == 2) ++length;
  return length;
}

char32_t code_point(std::string_view sequence) {
  char32_t c = byte_at(sequence, 0);
  if (sequence.size() == 1) return c;
  c &= 0x7fu >> sequence.size();
  for (std::size_t at = 1; at < sequence.size(); ++at) c = c << 6 | (byte_at(sequence, at) & 0x3fu);
  return c;
}

void append_utf8(char32_t c, std::string& out) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    tail(12), tail(6), tail(0);
  }
}

void LossyUtf8::add(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!cut_.empty()) {
    joined = std::exchange(cut_, {}).append(bytes);
    bytes = joined;
  }
  while (!bytes.empty()) {
    const auto sequence = first_sequence(bytes);
    if (sequence.state == Utf8Sequence::State::cut) {
      cut_ = bytes;
      return;
    }
    const bool good = sequence.state == Utf8Sequence::State::complete;
    out.append(good ? bytes.substr(0, sequence.length) : replacement);
    bytes.remove_prefix(sequence.length);
  }
}

void LossyUtf8::finish(std::string& out) {
  if (!cut_.empty()) out.append(replacement);
  cut_.clear();
}

}  // namespace strata
