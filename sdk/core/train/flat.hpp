// The trained weights of a unit as one flat array, in which gradients, master weights and moments
// all have the same places.
#pragma once
#include <cstdint>
#include <vector>

#include "core/zero/unit.hpp"

namespace strata::train {

inline constexpr uint64_t flat_align = 64;  // elements

// The elements of one trained weight.
struct Piece {
  uint32_t weight = 0;            // index into Unit::weights
  uint64_t first = 0, count = 0;  // elements
  bool matrix = false;            // of two dimensions or more: weight decay applies
};

// Pieces are in the order of the weights, and members of a group follow each other without a gap as
// in the run form. Other pieces begin at multiples of flat_align elements.
struct Flat {
  std::vector<Piece> pieces;
  uint64_t elements = 0;  // with gaps, a multiple of flat_align
  // An embedding whose table the unit does not hold has here the first element of the gradient of
  // the rows that a micro-batch looked up, [tokens, row_width], behind the pieces of the device's
  // gradient. The host adds them to the table's gradient. Several ranks have theirs one behind the
  // other, rank 0's from `all_rows` on.
  uint64_t rows = 0, all_rows = 0;
  uint64_t row_width = 0;  // 0: the unit looks up no rows
};

// `table` weights that the unit does not hold (run_offset is not_held) have no piece.
Flat flat_of(const zero::Unit& unit);

// The piece of a weight; null if it has none.
const Piece* piece_of(const Flat& flat, uint32_t weight);

}  // namespace strata::train
