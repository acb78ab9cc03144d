#include "core/text/pre_tokenizer.hpp"

#include <string>

namespace strata::text {
namespace {

// GPT-2's words: English contractions, then runs of letters, of numbers or of other signs, each
// with a space before it, then white space up to the last before a word.
constexpr std::string_view gpt2_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace

void PreTokenizer::add_digits(bool individual) {
  const auto behavior = individual ? SplitBehavior::isolated : SplitBehavior::contiguous;
  add(Split(Regex(R"(\p{N})", Regex::Kind::pattern), behavior, false));
}

void PreTokenizer::byte_level(bool prefix_space, bool words) {
  prefix_space_ = prefix_space;
  if (words)
    words_.emplace(Regex(gpt2_words, Regex::Kind::pattern), SplitBehavior::isolated, false);
}

void PreTokenizer::apply(std::string_view text, RegexRoom& room, const Word& word) const {
  std::vector<std::string_view> pieces{text};
  std::vector<std::string_view> next;
  for (const auto& split : splits_) {
    next.clear();
    for (const auto piece : pieces) split.apply(piece, room, next);
    pieces.swap(next);
  }
  std::string prefixed;
  for (auto piece : pieces) {
    if (prefix_space_ && piece[0] != ' ') {
      prefixed.assign(" ").append(piece);
      piece = prefixed;
    }
    if (!words_) {
      word(piece);
      continue;
    }
    next.clear();
    words_->apply(piece, room, next);
    for (const auto part : next) word(part);
  }
}

}  // namespace strata::text
