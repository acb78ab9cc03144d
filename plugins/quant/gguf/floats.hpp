// Float formats by their bits, with rounding to nearest even. Loops over these functions vectorize,
// and kernels use the same functions.
#pragma once
#include <bit>
#include <cstdint>

namespace gguf {

struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

constexpr float to_float(Half h) {
  const uint32_t magnitude = h.bits & 0x7fffu, sign = (h.bits & 0x8000u) << 16;
  // Exponents differ by 112; the multiplication normalizes subnormal numbers.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  const uint32_t special = magnitude >= 0x7c00u ? 0x7f800000u : 0u;  // infinity, NaN
  return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | special | sign);
}

constexpr Half to_half(float f) {
  const auto bits = std::bit_cast<uint32_t>(f);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  // Adding 1/2 leaves a multiple of 2^-24, half's smallest step, rounded, in the low bits.
  const uint32_t small =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
  const uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  const uint32_t finite = magnitude < 0x38800000u ? small : normal;
  return {static_cast<uint16_t>(sign | (magnitude >= 0x477ff000u ? special : finite))};
}

constexpr Brain to_brain(float f) {
  const auto bits = std::bit_cast<uint32_t>(f);
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u), nan = bits | 0x400000u;
  return {static_cast<uint16_t>(((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded) >> 16)};
}

constexpr float to_float(Brain b) { return std::bit_cast<float>(uint32_t{b.bits} << 16); }
constexpr float to_float(float f) { return f; }
constexpr float to_float(double f) { return static_cast<float>(f); }

template <class T>
constexpr T from_float(float f);
template <>
constexpr float from_float(float f) {
  return f;
}
template <>
constexpr double from_float(float f) {
  return f;
}
template <>
constexpr Half from_float(float f) {
  return to_half(f);
}
template <>
constexpr Brain from_float(float f) {
  return to_brain(f);
}

}  // namespace gguf
