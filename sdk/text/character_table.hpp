// The characters of a BPE vocabulary: their ids, and the pairs that are neighbors in any token.
#pragma once
#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "text/vocabulary.hpp"

namespace strata::text {

class CharacterTable {
 public:
  // Takes the ids of tokens of one character, and the neighbors inside all tokens.
  explicit CharacterTable(const Vocabulary& vocabulary);

  // The id of the token that is this one character, -1 where there is none.
  int32_t id(char32_t c) const {
    if (c < near_.size()) return near_[c];
    const auto found = far_.find(c);
    return found == far_.end() ? -1 : found->second;
  }
  // Whether any token has `left` just before `right`.
  bool neighbors(char32_t left, char32_t right) const {
    const auto pair = key(left, right);
    for (auto at = slot(pair);; at = (at + 1) & mask_)
      if (pairs_[at] == pair || pairs_[at] == empty) return pairs_[at] == pair;
  }

 private:
  static constexpr uint64_t empty = ~uint64_t{0};

  static uint64_t key(char32_t left, char32_t right) { return uint64_t{left} << 32 | right; }
  std::size_t slot(uint64_t pair) const {
    return static_cast<std::size_t>((pair * 0x9e3779b97f4a7c15u) >> 32) & mask_;
  }
  void insert(uint64_t pair);

  std::array<int32_t, 0x800> near_;
  std::unordered_map<char32_t, int32_t> far_;
  std::vector<uint64_t> pairs_;  // open addressing; at most half of them are used
  std::size_t mask_, used_ = 0;
};

}  // namespace strata::text
