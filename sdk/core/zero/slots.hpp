// The slots of a plan: the places of its objects in the arena.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/zero/plan.hpp"

namespace strata::zero {

// Whether the slots share bytes of the ring.
inline bool overlap(const Slot& a, const Slot& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

// The index of the last use that needs the weights which the use brings; itself, if it brings none.
uint32_t last_use_of(const Plan& plan, uint32_t use);

// Gives every object and every use of the plan its place: objects with places of their own at the
// arena's beginning, then the ring, then the experts. Returns the uses whose slots are in the ring,
// in their order. Refuses a budget that is too small.
std::vector<uint32_t> place_slots(Plan& plan, std::span<const Unit> units, uint64_t budget,
                                  uint32_t ranks);

}  // namespace strata::zero
