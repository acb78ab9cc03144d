#include "core/shape/declared.hpp"

namespace strata::shape {

FusedRows fused_rows(const DeclaredUnit& unit, const DeclaredWeight& weight) {
  FusedRows out;
  int64_t members = 0;
  for (const auto& other : unit.weights) {
    const bool together = &other == &weight || (weight.group != 0 && other.group == weight.group);
    if (!together || other.also != weight.also) continue;
    if (&other == &weight) out.first = weight.by_turns ? members : out.all;
    out.all += other.shape[0];
    ++members;
  }
  if (weight.by_turns) out.step = members;
  return out;
}

}  // namespace strata::shape
