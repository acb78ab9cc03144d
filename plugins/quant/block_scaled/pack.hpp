// Packing to floats of 8 bits: a block's largest element becomes the largest code, and each element
// the nearest one.
#pragma once
#include <algorithm>
#include <cmath>

#include "block_scaled/block_scaled.hpp"

namespace fp8 {

inline constexpr float largest = 448;

// The nearest code; of two as near, the even one. The magnitude is at most 448.
inline uint8_t nearest(float x) {
  const float magnitude = std::fabs(x);
  uint8_t above = 0;
  for (int step = 64; step > 0; step /= 2)  // the last code below
    if (above + step < 0x7f && e4m3_number(static_cast<uint8_t>(above + step)) <= magnitude)
      above = static_cast<uint8_t>(above + step);
  if (above < 0x7e) {
    const float low = magnitude - e4m3_number(above),
                high = e4m3_number(static_cast<uint8_t>(above + 1)) - magnitude;
    if (high < low || (high == low && above % 2 == 1)) ++above;
  }
  return static_cast<uint8_t>(above | (std::signbit(x) ? 0x80 : 0));
}

inline void BlockScaled::pack(const Memory& weight, std::span<const Memory> parts) const {
  if (grid.number() != Number::single)
    throw strata::Failure(STRATA_UNIMPLEMENTED,
                          "fp8: weights are packed with scales in float32 only");
  const auto out = weight.shape[0], in = weight.shape[1];
  auto* scales = parts[1].as<float>();
  auto* codes = parts[0].as<uint8_t>();
  std::fill_n(scales, parts[1].elements(), 0.0F);
  over_elements(weight, [&](const auto* from) {
    const auto scale = [&](int64_t i) -> float& {
      return scales[grid.position(i / in, i % in / grid.columns(in), in)];
    };
    for (int64_t i = 0; i < out * in; ++i)
      scale(i) = std::max(scale(i), std::fabs(gguf::to_float(from[i])) / largest);
    for (int64_t i = 0; i < out * in; ++i)
      codes[i] = scale(i) > 0
                     ? nearest(std::clamp(gguf::to_float(from[i]) / scale(i), -largest, largest))
                     : uint8_t{0};
  });
}

}  // namespace fp8
