// GGUF's blocks of 32 elements on the CPU. Values are those of the gguf package, to the last bit:
// products and sums are rounded one by one in float32 (the file is compiled without contraction).
// Source: the block structs of ggml-common.h; nibble j holds element j, its high half j + 16.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "floats.hpp"

namespace gguf {

inline constexpr int64_t block_elements = 32;

inline float scale_at(const uint8_t* p) {
  Half h;
  std::memcpy(&h, p, sizeof(h));
  return to_float(h);
}
inline void put_scale(uint8_t* p, float value) {
  const Half h = to_half(value);
  std::memcpy(p, &h, sizeof(h));
}

// 0 for NaN.
inline uint8_t nibble(float value) {
  return value >= 15 ? 15 : value > 0 ? static_cast<uint8_t>(value) : uint8_t{0};
}

struct Q4_0 {  // d, 16 bytes: d * (q - 8)
  static constexpr int64_t bytes = 18;
  static void unpack(const uint8_t* block, float* out) {
    const float d = scale_at(block);
    const uint8_t* q = block + 2;
    for (int j = 0; j < 16; ++j) {
      out[j] = d * static_cast<float>((q[j] & 15) - 8);
      out[j + 16] = d * static_cast<float>((q[j] >> 4) - 8);
    }
  }
  static void pack(const float* x, uint8_t* block) {
    const float* far =
        std::max_element(x, x + 32, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    const float d = *far / -8.0f, inverse = d == 0 ? 0 : 1 / d;
    put_scale(block, d);
    for (int j = 0; j < 16; ++j)
      block[2 + j] = static_cast<uint8_t>(nibble(x[j] * inverse + 8.5f) |
                                          nibble(x[j + 16] * inverse + 8.5f) << 4);
  }
};

struct Q4_1 {  // d, m, 16 bytes: d * q + m
  static constexpr int64_t bytes = 20;
  static void unpack(const uint8_t* block, float* out) {
    const float d = scale_at(block), m = scale_at(block + 2);
    const uint8_t* q = block + 4;
    for (int j = 0; j < 16; ++j) {
      out[j] = d * static_cast<float>(q[j] & 15) + m;
      out[j + 16] = d * static_cast<float>(q[j] >> 4) + m;
    }
  }
  static void pack(const float* x, uint8_t* block) {
    const auto [low, high] = std::minmax_element(x, x + 32);
    const float m = *low, d = (*high - m) / 15.0f, inverse = d == 0 ? 0 : 1 / d;
    put_scale(block, d);
    put_scale(block + 2, m);
    for (int j = 0; j < 16; ++j)
      block[4 + j] = static_cast<uint8_t>(nibble((x[j] - m) * inverse + 0.5f) |
                                          nibble((x[j + 16] - m) * inverse + 0.5f) << 4);
  }
};

struct Q8_0 {  // d, 32 signed bytes: q * d
  static constexpr int64_t bytes = 34;
  static void unpack(const uint8_t* block, float* out) {
    const float d = scale_at(block);
    for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(static_cast<int8_t>(block[2 + j])) * d;
  }
  static void pack(const float* x, uint8_t* block) {
    float most = 0;
    for (int j = 0; j < 32; ++j) most = std::max(most, std::fabs(x[j]));
    const float d = most / 127.0f, inverse = d == 0 ? 0 : 1 / d;
    put_scale(block, d);
    for (int j = 0; j < 32; ++j) {  // to nearest, halves away from zero
      const float value = x[j] * inverse, size = std::min(std::fabs(value), 127.0f);
      const float whole = std::floor(size);
      const float rounded = whole + std::floor(2 * (size - whole));
      block[2 + j] = static_cast<uint8_t>(static_cast<int8_t>(std::copysign(rounded, value)));
    }
  }
};

template <class Block, class T>
void unpack_blocks(const uint8_t* from, int64_t count, T* to) {
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<T, float>) {
      Block::unpack(from + i * Block::bytes, to + i * block_elements);
    } else {
      float values[block_elements];
      Block::unpack(from + i * Block::bytes, values);
      for (int64_t j = 0; j < block_elements; ++j)
        to[i * block_elements + j] = from_float<T>(values[j]);
    }
  }
}

template <class Block, class T>
void pack_blocks(const T* from, int64_t count, uint8_t* to) {
  for (int64_t i = 0; i < count; ++i) {
    float values[block_elements];
    for (int64_t j = 0; j < block_elements; ++j) values[j] = to_float(from[i * block_elements + j]);
    Block::pack(values, to + i * Block::bytes);
  }
}

}  // namespace gguf
