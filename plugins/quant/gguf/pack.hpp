// Packs dense weights into blocks, for the formats that have a plain rule for it, as the gguf
// package does.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#include "small_blocks.hpp"

namespace gguf {

inline void put_scale(uint8_t* p, float value) {
  const Half h = to_half(value);
  std::memcpy(p, &h, sizeof(h));
}

// The value as a code; NaN becomes 0.
inline uint8_t nibble_of(float value) {
  return value >= 15 ? 15 : value > 0 ? static_cast<uint8_t>(value) : uint8_t{0};
}

inline void pack(Q4_0, const float* x, uint8_t* block) {
  const float* far =
      std::max_element(x, x + 32, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
  const float d = *far / -8.0f, inverse = d == 0 ? 0 : 1 / d;
  put_scale(block, d);
  for (int j = 0; j < 16; ++j)
    block[2 + j] = static_cast<uint8_t>(nibble_of(x[j] * inverse + 8.5f) |
                                        nibble_of(x[j + 16] * inverse + 8.5f) << 4);
}

inline void pack(Q4_1, const float* x, uint8_t* block) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float m = *low, d = (*high - m) / 15.0f, inverse = d == 0 ? 0 : 1 / d;
  put_scale(block, d);
  put_scale(block + 2, m);
  for (int j = 0; j < 16; ++j)
    block[4 + j] = static_cast<uint8_t>(nibble_of((x[j] - m) * inverse + 0.5f) |
                                        nibble_of((x[j + 16] - m) * inverse + 0.5f) << 4);
}

inline void pack(Q8_0, const float* x, uint8_t* block) {
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

template <class Block>
constexpr bool packs = requires(uint8_t* to) {
  pack(Block(), nullptr, to);
};

template <class Block, class T>
void pack_blocks(const T* from, int64_t count, uint8_t* to) {
  for (int64_t i = 0; i < count; ++i) {
    float values[Block::elements];
    for (int j = 0; j < Block::elements; ++j) values[j] = to_float(from[i * Block::elements + j]);
    pack(Block(), values, to + i * Block::bytes);
  }
}

}  // namespace gguf
