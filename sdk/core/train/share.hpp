// The part of a unit that one of several ranks has.
#pragma once
#include <cstdint>

namespace strata::train {

// Ranks cut the flat array of a unit into equal parts; weights and gradients have the same cuts.
struct Share {
  // Every rank has all of the unit's states, and updates it alike; then only gradients are cut,
  // while they are added up.
  bool whole = true;
  // All of the held form lies in this rank's memory, around its part: a table is looked up there.
  bool looked_up = false;
  uint64_t each = 0;              // elements of a part; the last ones may reach beyond the array
  uint64_t first = 0, count = 0;  // elements of the flat array whose states this rank has
  uint64_t from = 0, bytes = 0;   // of the held form, those that this rank has
};

}  // namespace strata::train
