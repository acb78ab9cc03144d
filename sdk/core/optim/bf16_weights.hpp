// Updates of weights that are held in bfloat16 alone, without float32 master weights.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/optim/adam8.hpp"
#include "core/optim/cast.hpp"
#include "core/optim/round.hpp"

namespace strata::optim {

// Some of a unit's weights in one update.
struct Bf16Weights {
  uint16_t* values = nullptr;  // null: the weights are float32, and lie elsewhere
  uint64_t key = 0;            // rounding_key
  uint64_t first = 0;          // the number of values[0] among the unit's elements
};

// The elements that are float32 at a time: they stay in the first cache.
inline constexpr uint64_t bf16_block = 2048;
static_assert(bf16_block % moment_block == 0);

// Calls update(at, some, block) for ranges [at, at + some) of [first, first + count): block[i] is
// the weight at + i in float32. The results of the call are rounded stochastically.
template <class Update>
void in_float32(const Bf16Weights& weights, uint64_t first, uint64_t count, const Update& update) {
  alignas(64) float block[bf16_block];
  for (uint64_t at = first, end = first + count; at < end;) {
    const auto some = std::min(bf16_block, end - at);
    cast(f32, block, bf16, weights.values + at, 0, some);
    update(at, some, static_cast<float*>(block));
    round_stochastically(block, weights.values + at, weights.key, weights.first + at, some);
    at += some;
  }
}

// The gradients from element `at` on; null stays null.
inline const void* gradients_at(const void* gradient, strata_dtype dtype, uint64_t at) {
  return gradient ? static_cast<const std::byte*>(gradient) + at * element_bytes(dtype) : nullptr;
}

// As adam and adam8 over `arrays`, where the weights are those of `weights` if it has any:
// `arrays` then has neither master weights nor a copy. Every processor, and any ranges, give the
// same bits.
void adam(const AdamStep& step, const AdamArrays& arrays, const Bf16Weights& weights,
          uint64_t first, uint64_t count);
void adam8(const AdamStep& step, const Adam8Arrays& arrays, const Bf16Weights& weights,
           uint64_t first, uint64_t count);

}  // namespace strata::optim
