// Units as the scheduler moves them: their weights, and the place of each in the unit's two forms.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/source/tensor.hpp"

namespace strata::zero {

inline constexpr uint64_t not_held = ~uint64_t{0};
inline constexpr uint32_t no_expert = ~uint32_t{0};

// One weight of a unit. Groups and single weights begin at multiples of 256 bytes in both forms;
// members of a group follow each other without a gap in the run form.
struct Weight {
  std::string name;            // the checkpoint's
  std::vector<int64_t> shape;  // as the ops use it; of a head's tile: its rows
  uint32_t role = 0;           // STRATA_MATRIX, ...
  uint32_t group = 0;          // as declared; 0: alone
  bool float32 = false;        // in its run form, where the others are narrower
  source::Tensor source;       // how and where the file holds it
  // Bytes from the unit's beginning. not_held: a table whose rows are gathered one by one, or a
  // weight in another unit of the same declared one.
  uint64_t stored_offset = 0, stored_bytes = 0;
  uint64_t run_offset = 0, run_bytes = 0;
};

// Weights that are gathered and released together. The head is several units, tiles of its rows,
// that share `declared`. So do a mixture-of-experts layer and its experts: one unit each, behind
// the layer's, fetched when the running layer has chosen it.
struct Unit {
  std::string name;
  uint32_t declared = 0;        // the family's index
  uint32_t kind = 0;            // STRATA_UNIT_*
  int64_t first_row = 0;        // of a head's tile
  uint32_t expert = no_expert;  // its number, of an expert
  std::vector<Weight> weights;
  uint64_t stored_bytes = 0;  // of the whole stored form, with its gaps
  uint64_t run_bytes = 0;     // of the whole run form, with its gaps
  bool in_tier = false;       // not resident unless all are: rows of a table are read in its tier
  bool expands = false;       // the forms differ: cast, blocks, order of rows
  bool stays_packed = false;  // tiers with room of their own hold its stored form

  bool is_expert() const { return expert != no_expert; }
};

}  // namespace strata::zero
