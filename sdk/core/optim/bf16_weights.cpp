#include "core/optim/bf16_weights.hpp"

#include <cstddef>

namespace strata::optim {
namespace {

// The gradients from `at` on; null stays null.
const void* gradients_at(const void* gradient, strata_dtype dtype, uint64_t at) {
  return gradient ? static_cast<const std::byte*>(gradient) + at * element_bytes(dtype) : nullptr;
}

}  // namespace

void adam(const AdamStep& step, const AdamArrays& arrays, const Bf16Weights& weights,
          uint64_t first, uint64_t count) {
  if (!weights.values) return adam(step, arrays, first, count);
  in_float32(weights, first, count, [&](uint64_t at, uint64_t some, float* block) {
    auto part = arrays;
    part.gradient = gradients_at(arrays.gradient, arrays.gradient_dtype, at);
    part.master = block;
    part.moment1 += at;
    part.moment2 += at;
    adam(step, part, 0, some);
  });
}

void adam8(const AdamStep& step, const Adam8Arrays& arrays, const Bf16Weights& weights,
           uint64_t first, uint64_t count) {
  if (!weights.values) return adam8(step, arrays, first, count);
  in_float32(weights, first, count, [&](uint64_t at, uint64_t some, float* block) {
    auto part = arrays;
    part.gradient = gradients_at(arrays.gradient, arrays.gradient_dtype, at);
    part.master = block;
    part.moment1 += at;
    part.moment2 += at;
    part.scale1 += at / moment_block;
    part.scale2 += at / moment_block;
    adam8(step, part, 0, some);
  });
}

}  // namespace strata::optim
