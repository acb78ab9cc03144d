#include "core/optim/bf16_weights.hpp"

namespace strata::optim {
namespace {

// The arrays from element `at` on, whose weights are in `block`.
template <class Arrays>
Arrays part_of(Arrays arrays, uint64_t at, float* block) {
  arrays.gradient = gradients_at(arrays.gradient, arrays.gradient_dtype, at);
  arrays.master = block;
  arrays.moment1 += at;
  arrays.moment2 += at;
  return arrays;
}

}  // namespace

void adam(const AdamStep& step, const AdamArrays& arrays, const Bf16Weights& weights,
          uint64_t first, uint64_t count) {
  if (!weights.values) return adam(step, arrays, first, count);
  in_float32(weights, first, count, [&](uint64_t at, uint64_t some, float* block) {
    adam(step, part_of(arrays, at, block), 0, some);
  });
}

void adam8(const AdamStep& step, const Adam8Arrays& arrays, const Bf16Weights& weights,
           uint64_t first, uint64_t count) {
  if (!weights.values) return adam8(step, arrays, first, count);
  in_float32(weights, first, count, [&](uint64_t at, uint64_t some, float* block) {
    auto part = part_of(arrays, at, block);
    part.scale1 += at / moment_block;
    part.scale2 += at / moment_block;
    adam8(step, part, 0, some);
  });
}

}  // namespace strata::optim
