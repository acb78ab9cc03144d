// Adam and AdamW whose moments have 8 bits, about 2.03 bytes a parameter for both.
#pragma once
#include <cstdint>

#include "core/optim/adam.hpp"

namespace strata::optim {

// The elements whose codes share a scale: the largest absolute value of their moment.
inline constexpr uint64_t moment_block = 256;
inline uint64_t moment_blocks(uint64_t count) { return (count + moment_block - 1) / moment_block; }

// As AdamArrays, and the moments as codes of Levels with a scale for each block. Zeros in codes and
// scales are moments of zero.
struct Adam8Arrays {
  strata_dtype gradient_dtype = f32;
  const void* gradient = nullptr;
  float* master = nullptr;
  uint8_t* moment1 = nullptr;
  uint8_t* moment2 = nullptr;
  float* scale1 = nullptr;  // [moment_blocks]
  float* scale2 = nullptr;
  strata_dtype copy_dtype = bf16;
  void* copy = nullptr;
};

// As adam: the moments are unpacked, updated in float32, and packed to the nearest levels. A second
// moment above 0 never becomes 0, because a weight whose next gradient is 0 would take a step of
// first moment / eps. `first` is a multiple of moment_block, and so is `count` unless the range
// ends with the arrays. Gradients are finite.
void adam8(const AdamStep& step, const Adam8Arrays& arrays, uint64_t first, uint64_t count);

}  // namespace strata::optim
