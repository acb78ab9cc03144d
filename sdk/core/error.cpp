#include "core/error.hpp"

#include <algorithm>

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

// [Note: line] A line that the program prints has at most 300 bytes with "error: " before it. A
// longer one is cut in this order: first the path, which keeps its end, then the fact, which keeps
// its beginning; the remedy is the program's own words and stays whole.
constexpr std::size_t longest_line = 300 - 7;
constexpr std::size_t longest_who = 100, longest_remedy = 140;
constexpr std::size_t whole = 1 << 16;

// The last bytes of a longer path, from the beginning of a character.
std::string kept_end(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  auto from = text.size() - (limit - 3);
  while (from < text.size() && (static_cast<unsigned char>(text[from]) >> 6) == 2) ++from;
  return "..." + text.substr(from);
}

std::string kept_beginning(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  auto to = limit - 3;
  while (to > 0 && (static_cast<unsigned char>(text[to]) >> 6) == 2) --to;
  return text.substr(0, to) + "...";
}

std::string line(std::string_view who, std::string_view what, std::string_view remedy) {
  auto subject = printable(who, whole), fact = printable(what, whole),
       advice = printable(remedy, whole);
  const auto all = [&] {
    return subject.size() + 2 + fact.size() + (advice.empty() ? 0 : 2 + advice.size());
  };
  if (all() > longest_line) subject = kept_end(subject, longest_who);
  if (all() > longest_line) advice = kept_beginning(advice, longest_remedy);
  if (all() > longest_line)
    fact = kept_beginning(fact, fact.size() - std::min(fact.size() - 4, all() - longest_line));
  return subject + ": " + fact + (advice.empty() ? "" : ": " + advice);
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
