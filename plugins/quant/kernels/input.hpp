// Activations as they are given to a product.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>

namespace strata::kernels {

struct Input {
  const void* x;
  bool narrow;  // bfloat16, not float32
  int64_t ld, columns;
  // Stores some elements of a token as float32.
  void read(int64_t t, int64_t first, int64_t count, float* to) const {
    if (!narrow) {
      std::copy_n(static_cast<const float*>(x) + t * ld + first, count, to);
      return;
    }
    const auto* from = static_cast<const uint16_t*>(x) + t * ld + first;
    for (int64_t k = 0; k < count; ++k) to[k] = std::bit_cast<float>(uint32_t{from[k]} << 16);
  }
};

}  // namespace strata::kernels
