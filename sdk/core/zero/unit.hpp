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
// members of a group that are of one scheme follow each other without a gap in the run form. Both
// forms are at not_held where another unit of the same declared one has the weight, and for a table
// whose rows are gathered one by one: its forms are those of its first row.
struct Weight {
  std::string name;            // the checkpoint's
  std::vector<int64_t> shape;  // as the ops use it; of a head's tile: its rows
  uint32_t role = 0;           // STRATA_MATRIX, ...
  uint32_t group = 0;          // as declared; 0: alone
  source::Tensor source;       // its stored form, and the steps to the run form
  source::Form run;            // dense, or the stored scheme's where the ops use its parts

  bool is_held() const { return run.at != not_held; }
  // Whether the stored form must be expanded to become the run form.
  bool expands() const;
  // Whether its codec brings the stored parts into those of another scheme, which the ops use.
  bool repacks() const;
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
  bool expands = false;       // one of its weights does
  bool as_run = true;         // tiers with room of their own hold its run form
  bool whole = false;         // each rank of a group holds and fetches all of it

  bool is_expert() const { return expert != no_expert; }
};

}  // namespace strata::zero
