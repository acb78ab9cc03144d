#include "core/train/flat.hpp"

#include <strata/abi/model.h>

namespace strata::train {

namespace {

uint64_t up(uint64_t at) { return (at + flat_align - 1) / flat_align * flat_align; }

uint64_t elements_of(const std::vector<int64_t>& shape) {
  uint64_t count = 1;
  for (const auto n : shape) count *= static_cast<uint64_t>(n);
  return count;
}

// Whether a weight follows another one without a gap, as members of one group do.
bool follows(const zero::Weight& weight, const zero::Weight& before) {
  return weight.group != 0 && weight.group == before.group &&
         weight.run.at == before.run.at + before.run.bytes;
}

}  // namespace

Flat flat_of(const zero::Unit& unit) {
  Flat flat;
  uint64_t end = 0;
  const zero::Weight* before = nullptr;
  for (uint32_t i = 0; i < unit.weights.size(); ++i) {
    const auto& weight = unit.weights[i];
    if (!weight.is_held()) {
      if (weight.role == STRATA_TABLE && !unit.is_expert())
        flat.row_width = elements_of(weight.shape) / static_cast<uint64_t>(weight.shape.at(0));
      continue;
    }
    const auto count = elements_of(weight.shape);
    if (!before || !follows(weight, *before)) end = up(end);
    flat.pieces.push_back({i, end, count, weight.shape.size() > 1});
    end += count;
    before = &weight;
  }
  flat.elements = flat.rows = flat.all_rows = up(end);
  return flat;
}

const Piece* piece_of(const Flat& flat, uint32_t weight) {
  for (const auto& piece : flat.pieces)
    if (piece.weight == weight) return &piece;
  return nullptr;
}

}  // namespace strata::train
