// The merges of a BPE model by their two tokens: one flat table with open addressing.
#pragma once
#include <cstdint>
#include <vector>

namespace strata::text {

struct Merge {
  int32_t left, right;  // ids, at least 0
  int32_t rank;         // 0 comes first
  int32_t merged;       // id of the token that the two make
};

class MergeTable {
 public:
  // Where a pair has two merges, the later one counts.
  explicit MergeTable(const std::vector<Merge>& merges);
  // The merge of the two; null where they are never merged.
  const Merge* find(int32_t left, int32_t right) const;

 private:
  std::size_t slot(int32_t left, int32_t right) const;

  std::size_t mask_;
  std::vector<Merge> slots_;  // left < 0: an empty slot; at most half of them are used
};

}  // namespace strata::text
