#include "core/error.hpp"

namespace strata {
namespace {

// The length of the UTF-8 sequence at `at`, or 0 where it is not one.
std::size_t sequence(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0x80       ? 1
                             : lead >> 5 == 6  ? 2
                             : lead >> 4 == 14 ? 3
                             : lead >> 3 == 30 ? 4
                                               : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[at + i]) >> 6) != 2) return 0;
  return length;
}

std::string line(std::string_view who, std::string_view what, std::string_view remedy) {
  std::string out(who);
  out.append(": ").append(what);
  if (!remedy.empty()) out.append(": ").append(remedy);
  return printable(out, 2000);
}

}  // namespace

Error::Error(std::string_view who, std::string_view what, std::string_view remedy, Exit status)
    : std::runtime_error(line(who, what, remedy)), status_(status) {}

std::string printable(std::string_view text, std::size_t limit) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (out.size() >= limit) return out + "...";
    const auto length = sequence(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      out.append("\\x").append({hex[byte >> 4], hex[byte & 15]});
      ++at;
    } else {
      out.append(text.substr(at, length));
      at += length;
    }
  }
  return out;
}

}  // namespace strata
