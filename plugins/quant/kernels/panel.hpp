// An item of work multiplies some rows of a weight with every token. Sources for several
// processors include this: every function is inlined, so that none runs code for another one.
#pragma once
#include <bit>
#include <cstdint>

#include "kernels/packed_linear.hpp"

namespace strata::kernels {

inline constexpr int64_t panel_rows = 32;

// Rounds to nearest even; NaN stays NaN.
[[gnu::always_inline]] inline uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = bits + 0x7fffU + (bits >> 16 & 1U), nan = bits | 0x400000U;
  return static_cast<uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? nan >> 16 : rounded >> 16);
}

// Sums go to y[t, n], with `ld` elements from token to token.
struct Output {
  void* y;
  bool narrow;  // bfloat16, not float32
  int64_t ld;
  // The same for the tokens from that one on.
  [[gnu::always_inline]] Output from(int64_t token) const {
    return {static_cast<char*>(y) + token * ld * (narrow ? 2 : 4), narrow, ld};
  }
  [[gnu::always_inline]] void put(int64_t t, int64_t n, float value) const {
    if (narrow)
      static_cast<uint16_t*>(y)[t * ld + n] = to_bfloat16(value);
    else
      static_cast<float*>(y)[t * ld + n] = value;
  }
};

// A panel has the rows [first, first + rows) of a weight whose row 0 lies at `w`; rows <=
// panel_rows.
struct Panel {
  const uint8_t* w;
  int64_t row_bytes, first, rows, columns, tokens;
  Output out;
};

// Multiplies a panel with float32 activations, `ldx` of them from token to token.
void multiply_exact(Block block, const Panel& panel, const float* x, int64_t ldx);

// Tells the length of the vectors that multiply_exact uses on this processor.
int vector_bits();

}  // namespace strata::kernels
