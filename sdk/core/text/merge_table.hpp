// The merges of a BPE model by their two tokens: one flat table with open addressing.
#pragma once
#include <cstdint>
#include <vector>

namespace strata::text {

struct Merge {
  int32_t left, right;  // ids, at least 0
  int32_t rank;         // 0 is done first
  int32_t merged;       // id of the token that both make
};

class MergeTable {
 public:
  // Of two merges of one pair the later one counts.
  explicit MergeTable(const std::vector<Merge>& merges);
  // Null where the two are never merged.
  const Merge* find(int32_t left, int32_t right) const;

 private:
  std::size_t slot(int32_t left, int32_t right) const;

  std::size_t mask_;
  std::vector<Merge> slots_;  // left < 0 is an empty one; at most half of them are used
};

}  // namespace strata::text
