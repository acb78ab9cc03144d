// An item of work multiplies some rows of a weight in groups with every token.
#pragma once
#include <cstdint>

#include "kernels/group_columns.hpp"
#include "kernels/panel.hpp"

namespace strata::kernels {

// The numbers of up to `most` groups of a row. `zero` is the number that Zero says, or what it is
// without zeros: 8 or 128 for integers.
struct GroupScales {
  static constexpr int64_t most = 64;
  alignas(64) float scale[most];
  alignas(64) float zero[most];
};

// A panel has the rows [first, first + rows) of a weight; rows <= panel_rows. `columns` counts the
// elements of a row's chunks.
struct GroupPanel {
  GroupLinear of;
  GroupColumns at;
  int64_t first, rows, columns, tokens;
  Output out;
  // The codes of the panel's row n.
  [[gnu::always_inline]] const uint8_t* row(int64_t n) const {
    return of.parts.codes + (first + n) * at.bytes(at.columns);
  }
  // The end of the weight's codes.
  [[gnu::always_inline]] const uint8_t* end() const {
    return of.parts.codes + of.rows * at.bytes(at.columns);
  }
};

// Widens the numbers of `count` groups of the panel's row n, at most GroupScales::most, from the
// group g on.
void widen_groups(const GroupPanel& panel, int64_t n, int64_t g, int64_t count, GroupScales& to);

// Multiplies a panel with float32 activations in the order of chunks, `ldx` of them from token to
// token.
void multiply_groups_exact(const GroupPanel& panel, const float* x, int64_t ldx);

// Stores `count` whole chunks of the panel's row n, at most GroupScales::most, from the chunk
// `from` on: their elements as the form defines them, to the last bit, in the order of chunks.
void decode_groups(const GroupPanel& panel, int64_t n, int64_t from, int64_t count, float* to);

// Multiplies a panel with activations that lie as GroupActivations, token after token. This needs
// has_fast() of the form.
void multiply_groups_fast(const GroupPanel& panel, void* x);

}  // namespace strata::kernels
