#include "text/byte_level.hpp"

#include <array>

#include "core/utf8.hpp"
#include "text/metaspace.hpp"

namespace strata::text {
namespace {

constexpr int highest = 0x144;  // the alphabet has 256 + 68 = 0x144 characters

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<int, highest> byte{};

  constexpr Alphabet() {
    for (auto& b : byte) b = -1;
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const char32_t c = stands_for_itself(b) ? static_cast<char32_t>(b) : next++;
      character[static_cast<std::size_t>(b)] = c;
      byte[c] = b;
    }
  }
};
constexpr Alphabet alphabet;

// GPT-2's words: English contractions, then runs of letters, of numbers or of other signs, each
// with a space before it, then white space up to the last before a word.
constexpr std::string_view gpt2_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Characters of the alphabet have at most two bytes.
void spell(std::string_view bytes, std::string& out) {
  for (const char b : bytes) append_utf8(alphabet.character[static_cast<unsigned char>(b)], out);
}

}  // namespace

std::string spell(std::string_view bytes) {
  std::string out;
  spell(bytes, out);
  return out;
}

std::optional<std::string> unspell(std::string_view spelling) {
  std::string out;
  while (!spelling.empty()) {
    const auto sequence = first_sequence(spelling);
    if (sequence.state != Utf8Sequence::State::complete) return std::nullopt;
    const auto c = code_point(spelling.substr(0, sequence.length));
    if (c >= highest || alphabet.byte[c] < 0) return std::nullopt;
    out += static_cast<char>(alphabet.byte[c]);
    spelling.remove_prefix(sequence.length);
  }
  return out;
}

ByteLevel::ByteLevel(bool prefix_space, bool words) : prefix_space_(prefix_space) {
  if (words) words_.emplace(Regex(gpt2_words, Regex::Kind::pattern), SplitBehavior::isolated);
}

void ByteLevel::apply(Pieces& pieces, RegexRoom& room) const {
  if (prefix_space_) prepend(pieces, " ", false);
  if (words_) words_->apply(pieces, room);
  std::string out;
  out.reserve(2 * pieces.text.size());
  for (auto& range : pieces.ranges) {
    const auto begin = static_cast<uint32_t>(out.size());
    spell(pieces.view(range), out);
    range = {begin, static_cast<uint32_t>(out.size())};
  }
  pieces.text = std::move(out);
}

}  // namespace strata::text
