// The states that the optimizer's rule keeps beside the master weights of a unit.
#pragma once
#include <strata/abi/core.h>

#include <cstdint>
#include <vector>

#include "core/train/flat.hpp"

namespace strata::train {

// The rule that updates weights.
enum class Rule : uint8_t {
  adam,       // Adam and AdamW with float32 moments
  adam8,      // the same with moments of 8 bits
  adafactor,  // second moments of rows and columns, and no first moment
};

// Weights of fewer elements have float32 moments under adam8, as bitsandbytes keeps them.
inline constexpr uint64_t least_adam8 = 4096;

// One array of a piece's states.
struct StateArray {
  const char* kind = "";  // its name in checkpoints: "moment1"
  uint32_t piece = 0;     // index into Flat::pieces
  strata_dtype dtype{STRATA_FLOAT, 32, 1};
  std::vector<int64_t> shape;
  uint64_t at = 0, bytes = 0;  // from the beginning of the unit's states
};

// Where the states of a piece begin, in bytes from the beginning of the unit's; 0 where the rule
// has no such states.
struct PieceStates {
  bool codes = false;  // the moments are codes of 8 bits, with scales
  uint64_t moment1 = 0, moment2 = 0;
  uint64_t scale1 = 0, scale2 = 0;
};

struct UnitStates {
  std::vector<StateArray> arrays;   // in the order of checkpoints
  std::vector<PieceStates> pieces;  // by piece
  uint64_t bytes = 0;               // a multiple of 4096
};

// All arrays begin as zeros. Under adam the moments are two arrays with the places of `flat`, the
// second one at half of the bytes. `own` of its elements are here, and the arrays' places are those
// of a unit that is here whole.
UnitStates states_of(Rule rule, const zero::Unit& unit, const Flat& flat, uint64_t own);
inline UnitStates states_of(Rule rule, const zero::Unit& unit, const Flat& flat) {
  return states_of(rule, unit, flat, flat.elements);
}

// Whether the run form is one array in the places of the flat array, gaps and end included.
bool has_flat_form(const zero::Unit& unit, const Flat& flat);
// Whether it is float32 besides, so that it is the master weights as well.
bool is_master(const zero::Unit& unit, const Flat& flat);

}  // namespace strata::train
