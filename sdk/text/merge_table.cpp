#include "text/merge_table.hpp"

#include <bit>

namespace strata::text {

MergeTable::MergeTable(const std::vector<Merge>& merges)
    : mask_(std::bit_ceil(2 * merges.size() + 2) - 1), slots_(mask_ + 1, Merge{-1, -1, 0, 0}) {
  for (const auto& merge : merges) slots_[slot(merge.left, merge.right)] = merge;
}

const Merge* MergeTable::find(int32_t left, int32_t right) const {
  const auto& found = slots_[slot(left, right)];
  return found.left < 0 ? nullptr : &found;
}

// The pair's slot, or the empty one where it would be.
std::size_t MergeTable::slot(int32_t left, int32_t right) const {
  const auto pair = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  auto at = static_cast<std::size_t>((pair * 0x9e3779b97f4a7c15u) >> 32) & mask_;
  while (slots_[at].left >= 0 && (slots_[at].left != left || slots_[at].right != right))
    at = (at + 1) & mask_;
  return at;
}

}  // namespace strata::text
