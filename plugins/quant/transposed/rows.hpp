// Rows of codes, which are streams of bits with the lowest first, and the numbers they stand for.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "gguf/floats.hpp"

static_assert(std::endian::native == std::endian::little, "words are read as the files hold them");

namespace transposed {

// Parts may lie at any alignment.
inline uint32_t word_at(const std::byte* from, int64_t at) {
  uint32_t out = 0;
  std::memcpy(&out, from + at * 4, sizeof out);
  return out;
}

template <int bits>
void read_some(const std::byte* from, int64_t count, uint8_t* to) {
  constexpr int in_byte = 8 / bits;
  constexpr unsigned mask = (1U << bits) - 1;
  const auto code = [&](int64_t i, int k) {
    return static_cast<uint8_t>(static_cast<unsigned>(from[i]) >> (bits * k) & mask);
  };
  for (int64_t i = 0; i < count / in_byte; ++i)
    for (int k = 0; k < in_byte; ++k) to[i * in_byte + k] = code(i, k);
  for (int k = 0; k < count % in_byte; ++k)
    to[count - count % in_byte + k] = code(count / in_byte, k);
}

// Three words have 32 codes of 3 bits, two of which lie across words: sixteen in each half, whose
// bits above the lowest 48 mean nothing.
struct Threes {
  uint64_t low, high;
};
inline Threes threes_at(const std::byte* from, int64_t at) {
  const uint64_t a = word_at(from, 3 * at), b = word_at(from, 3 * at + 1),
                 c = word_at(from, 3 * at + 2);
  return {a | b << 32, b >> 16 | c << 16};
}

inline void read_threes(const std::byte* from, int64_t count, uint8_t* to) {
  for (int64_t at = 0; at * 32 < count; ++at, to += 32) {
    const auto [low, high] = threes_at(from, at);
    for (int k = 0; k < 16; ++k) {
      to[k] = static_cast<uint8_t>(low >> (3 * k) & 7);
      to[k + 16] = static_cast<uint8_t>(high >> (3 * k) & 7);
    }
  }
}

// Reads the stream's codes, a byte each; of 3 bits, a multiple of 32.
inline void read_codes(int bits, const std::byte* from, int64_t count, uint8_t* to) {
  if (bits == 2) return read_some<2>(from, count, to);
  if (bits == 3) return read_threes(from, count, to);
  if (bits == 4) return read_some<4>(from, count, to);
  std::memcpy(to, from, static_cast<std::size_t>(count));
}

// Sixteen codes of 2 bits, or of 3, as sixteen of 4: the halves of each piece move apart until
// every code is alone.
inline uint64_t widened_twos(uint64_t x) {
  x = (x | x << 16) & 0x0000ffff0000ffffU;
  x = (x | x << 8) & 0x00ff00ff00ff00ffU;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fU;
  return (x | x << 2) & 0x3333333333333333U;
}
inline uint64_t widened_threes(uint64_t x) {
  x = (x & 0xffffffU) | (x & 0xffffff000000U) << 8;
  x = (x & 0x00000fff00000fffU) | (x & 0x00fff00000fff000U) << 4;
  x = (x & 0x003f003f003f003fU) | (x & 0x0fc00fc00fc00fc0U) << 2;
  return (x & 0x0707070707070707U) | (x & 0x3838383838383838U) << 1;
}

// Writes the stream's codes of 2 or 3 bits as codes of 4 bits, two a byte with the first in the low
// half; `count` is a multiple of 16, of 3 bits one of 32.
inline void widen_codes(int bits, const std::byte* from, int64_t count, uint8_t* to) {
  const auto put = [&](uint64_t sixteen) {
    std::memcpy(to, &sixteen, sizeof sixteen);
    to += sizeof sixteen;
  };
  if (bits == 2) {
    for (int64_t at = 0; at < count / 16; ++at) put(widened_twos(word_at(from, at)));
    return;
  }
  for (int64_t at = 0; at < count / 32; ++at) {
    const auto [low, high] = threes_at(from, at);
    put(widened_threes(low)), put(widened_threes(high));
  }
}

// The packages of these formats multiply in the scale's dtype: the product is rounded to it.
template <class Scale, class T>
inline T element(int difference, float scale) {
  const auto value = gguf::from_float<Scale>(static_cast<float>(difference) * scale);
  if constexpr (std::is_same_v<Scale, T>)
    return value;
  else
    return gguf::from_float<T>(gguf::to_float(value));
}

// A row's groups: a scale and a zero each.
struct RowGroups {
  const float* scales;
  const uint8_t* zeros;
  int64_t count;
};

// The numbers of codes below 16 in each of a row's groups.
template <class Scale, class T>
void fill_table(RowGroups groups, T* to) {
  for (int64_t g = 0; g < groups.count; ++g)
    for (int code = 0; code < 16; ++code)
      *to++ = element<Scale, T>(code - groups.zeros[g], groups.scales[g]);
}

// Calls f(column, group) for each, where groups lie one after the other, or columns name theirs.
template <class F>
void over_columns(int64_t columns, int64_t group, const int32_t* order, F&& f) {
  if (order) {
    for (int64_t k = 0; k < columns; ++k) f(k, order[k]);
    return;
  }
  for (int64_t g = 0, k = 0; k < columns; ++g)
    for (const int64_t end = k + group < columns ? k + group : columns; k < end; ++k) f(k, g);
}

}  // namespace transposed
