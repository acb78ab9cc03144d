// A block of 32 E2M1 numbers that share an exponent; used on the CPU and in kernels.
#pragma once
#include <bit>
#include <cstdint>

#include "../gguf/floats.hpp"

namespace mxfp4 {

inline constexpr int elements = 32, bytes = 16;  // of a block's codes

// 2^(e - 128), the scale of a block with exponent e, halved because codes count halves.
constexpr float half_scale(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? uint32_t{0x00200000} << e : (uint32_t{e} - 1) << 23);
}

// The number of a code 0 to 15, in the block's scale.
template <class T>
constexpr T number(int code, float half) {
  constexpr uint64_t twice = 0x0c08060403020100;
  const int size = static_cast<int>(twice >> (8 * (code & 7)) & 15);
  const float value = static_cast<float>(size) * half;
  return gguf::from_float<T>(code < 8 ? value : -value);
}

}  // namespace mxfp4
