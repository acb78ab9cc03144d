// Activations rounded to 8 bits, as the fast products read them.
#pragma once
#include <cstdint>

#include "kernels/panel.hpp"

namespace strata::kernels {

// 64 elements of one token, of which each 32 share a scale. Sums over four codes stand at the place
// that the sums of their products have in a vector.
struct Activations {
  static constexpr int64_t elements = 64;
  int8_t codes[64];
  float scale[16];  // that of the four elements
  union {
    int32_t zeros[16];  // what the codes' sums are times minus the weight's code for zero
    float sums[16];     // the codes' sums times the scale
  };
};
static_assert(sizeof(Activations) == 192);

// What a block's codes need: they are d * (code - zero), or d * code + m where `zero` is negative.
constexpr int zero_of(Block block) {
  switch (block) {
    case Block::q4_0:
      return 8;
    case Block::q5_0:
      return 16;
    case Block::q8_0:
      return 128;  // codes are taken without a sign
    case Block::q3_k:
      return 4;
    case Block::q6_k:
      return 32;
    default:
      return -1;
  }
}

// Rounds one token's `columns` elements; those beyond become zeros. A NaN or an infinity makes the
// scale of its 32 elements NaN.
void round_activations(const float* x, int64_t columns, int zero, Activations* out);

// Whether this processor can do the following.
bool can_multiply_fast();

// Each token has `ldx` Activations.
void multiply_fast(Block block, const Panel& panel, const Activations* x, int64_t ldx);

}  // namespace strata::kernels
