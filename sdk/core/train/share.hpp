// The part of a unit that one of several ranks has.
#pragma once
#include <cstdint>

namespace strata::train {

// Ranks cut the flat array of a unit into equal parts; weights and gradients have the same cuts.
struct Share {
  // Every rank has all of the unit's states, and updates it alike; then only gradients are cut,
  // while they are added up.
  bool whole = true;
  // Every rank has all of the held form, so that nothing is gathered: always if it is whole, and
  // that of a table, which is looked up.
  bool whole_form = true;
  uint64_t each = 0;              // elements of a part; the last ones may reach beyond the array
  uint64_t first = 0, count = 0;  // elements of the flat array whose states this rank has
  uint64_t from = 0, bytes = 0;   // of the held form, those that this rank has

  // Whether the states are cut and the held form is not.
  bool is_looked_up() const { return whole_form && !whole; }
};

}  // namespace strata::train
