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
  // These make up for weights that are not d * code, `code` being that of the block.
  union {
    // Weights are (code - zero) * d: these are the sums of four codes times -zero.
    int32_t zeros[16];
    // Weights are code * d + m: these are the sums of four codes times the scale. A block of 256
    // has sums of its groups instead, in the first of its four Activations, each at the place of
    // the group's m.
    float sums[16];
  };
};
static_assert(sizeof(Activations) == 192);

// This says how a block's codes stand for its weights.
struct Offsets {
  int zero = -1;  // they are (code - zero) * d, or, if it is negative, code * d + m
  int group = 4;  // with m, so many elements have one sum
  int first = 0;  // the first group of a block of 256 has this place
};
constexpr Offsets offsets_of(Block block) {
  switch (block) {
    case Block::q4_0:
      return {8};
    case Block::q5_0:
      return {16};
    case Block::q8_0:
      return {128};  // codes are taken without a sign
    case Block::q3_k:
      return {4};
    case Block::q6_k:
      return {32};
    case Block::q2_k:
      return {-1, 16, 0};
    case Block::q4_k:
    case Block::q5_k:
      return {-1, 32, 8};  // after the eight d
    default:
      return {};
  }
}

// Rounds `columns` elements of one token, which are whole blocks, to nearest even; elements beyond
// them become zeros. A NaN or an infinity makes the scale of its 32 elements NaN. This needs
// can_multiply_fast().
void round_activations(const float* x, int64_t columns, Offsets offsets, Activations* out);

// Rounds 32 elements in the same way. Their sum is that of the rounded elements.
struct RoundedSum {
  float scale, sum;
};
RoundedSum round_activations(const float* x, int8_t* codes);

// Tells whether this processor has a way to multiply rounded activations.
bool can_multiply_fast();

// Multiplies a panel; `ldx` counts the Activations from token to token.
void multiply_fast(Block block, const Panel& panel, const Activations* x, int64_t ldx);

// These do the same with AVX2, or with AVX-512 and its VNNI, on processors that have them.
namespace avx2 {
void multiply(Block block, const Panel& panel, const Activations* x, int64_t ldx);
}
namespace vnni {
void multiply(Block block, const Panel& panel, const Activations* x, int64_t ldx);
}

}  // namespace strata::kernels
