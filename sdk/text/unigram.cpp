#include "text/unigram.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "core/utf8.hpp"

namespace strata::text {
namespace {

// The best cut of a word's beginning: its last token and the beginning of that token.
struct Best {
  double score = 0;
  int32_t id = -1;
  int32_t from = -1;  // -1 where nothing ends here

  void offer(double other, int32_t token, std::size_t begin) {
    if (from >= 0 && other <= score) return;
    score = other, id = token, from = static_cast<int32_t>(begin);
  }
};

}  // namespace

Unigram::Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<int32_t> unknown,
                 bool byte_fallback)
    : Model(std::move(vocabulary)), scores_(std::move(scores)), unknown_(unknown),
      byte_fallback_(byte_fallback), byte_ids_(byte_tokens(this->vocabulary())) {
  double least = std::numeric_limits<double>::infinity();
  for (int32_t id = 0; id < this->vocabulary().size(); ++id)
    if (const auto* piece = this->vocabulary().piece(id)) {
      if (!piece->empty()) trie_.insert(*piece, id);
      least = std::min(least, scores_[static_cast<std::size_t>(id)]);
    }
  unknown_score_ = least - 10;  // sentencepiece's penalty
}

void Unigram::encode_short(std::string_view word, std::vector<int32_t>& ids) const {
  std::vector<Best> best(word.size() + 1);
  for (std::size_t begin = 0; begin < word.size();) {
    const auto character = first_sequence(word.substr(begin)).length;
    const auto so_far = best[begin].score;
    bool single = false;
    auto node = Trie::root;
    for (std::size_t end = begin; end < word.size();) {
      node = trie_.next(node, word[end++]);
      if (node == Trie::none) break;
      const auto id = trie_.id(node);
      if (id < 0) continue;
      best[end].offer(scores_[static_cast<std::size_t>(id)] + so_far, id, begin);
      single |= end - begin == character;
    }
    if (!single) {
      if (!unknown_) throw std::runtime_error("a character has no token, and there is no unk_id");
      best[begin + character].offer(unknown_score_ + so_far, *unknown_, begin);
    }
    begin += character;
  }
  std::vector<std::string_view> parts;
  auto fused = word.size();  // the end of adjacent unknown characters
  for (auto end = word.size(); end > 0;) {
    const auto& last = best[end];
    const auto from = static_cast<std::size_t>(last.from);
    const bool unknown = last.id == unknown_;
    if (!unknown && fused > end) parts.push_back(word.substr(end, fused - end));
    if (!unknown) parts.push_back(word.substr(from, end - from)), fused = from;
    end = from;
  }
  if (fused > 0) parts.push_back(word.substr(0, fused));
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) add(*part, ids);
}

void Unigram::add(std::string_view part, std::vector<int32_t>& ids) const {
  if (const auto id = vocabulary().find(part)) return ids.push_back(*id);
  const auto byte_id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
  if (byte_fallback_ &&
      std::all_of(part.begin(), part.end(), [&](char c) { return byte_id(c) >= 0; }))
    for (const char c : part) ids.push_back(byte_id(c));
  else
    ids.push_back(*unknown_);
}

}  // namespace strata::text
