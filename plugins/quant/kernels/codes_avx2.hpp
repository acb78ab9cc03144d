// These functions take the codes of 32 elements, in order and without a sign, and the scales of
// each four of them from blocks as they lie. Only sources that are compiled for AVX2 include them.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/group_codes.hpp"

namespace strata::kernels::avx2 {

// `scale` and, in blocks of 32 that have one, `least` have a lane for each four codes.
struct Codes {
  __m256i codes;
  __m256 scale, least;
};

static inline __m256i bytes_of(int value) { return _mm256_set1_epi8(static_cast<char>(value)); }
static inline __m128i load16(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
static inline __m256i load32(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
static inline __m256 none() { return _mm256_setzero_ps(); }
static inline float half(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof(bits));
  return _cvtsh_ss(bits);
}
static inline __m256 halves(const uint8_t* p) { return _mm256_set1_ps(half(p)); }

// Moves bits to the right, or to the left for a negative count. A bit that leaves its byte spoils
// the next one, so the caller masks what it wants.
template <int count>
static inline __m256i right(__m256i codes) {
  if constexpr (count >= 0)
    return _mm256_srli_epi32(codes, count);
  else
    return _mm256_slli_epi32(codes, -count);
}
static inline __m256i masked(__m256i codes, int mask) {
  return _mm256_and_si256(codes, bytes_of(mask));
}

// Sixteen bytes have elements 0 to 15 in the low halves, 16 to 31 in the high ones.
static inline __m256i nibbles(const uint8_t* p) {
  const __m256i both = _mm256_broadcastsi128_si256(load16(p));
  return masked(_mm256_srlv_epi32(both, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4)), 15);
}
// The word at `high` has a fifth bit for each element.
static inline __m256i fives(const uint8_t* p, const uint8_t* high) {
  int bits;
  std::memcpy(&bits, high, sizeof(bits));
  const __m256i byte = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101,
                                         0);  // that has an element's bit
  const __m256i bit = _mm256_set1_epi64x(INT64_C(-0x7fbfdfeff7fbfdff));  // 1, 2, 4, ... 128
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte);
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
  return _mm256_or_si256(nibbles(p), masked(set, 16));
}

struct Q4_0 {
  static constexpr int bytes = 18, elements = 32;
  static constexpr bool has_least = false;
  static Codes decode(const uint8_t* b) { return {nibbles(b + 2), halves(b), none()}; }
};

struct Q4_1 {
  static constexpr int bytes = 20, elements = 32;
  static constexpr bool has_least = true;
  static Codes decode(const uint8_t* b) { return {nibbles(b + 4), halves(b), halves(b + 2)}; }
};

struct Q5_0 {
  static constexpr int bytes = 22, elements = 32;
  static constexpr bool has_least = false;
  static Codes decode(const uint8_t* b) { return {fives(b + 6, b + 2), halves(b), none()}; }
};

struct Q5_1 {
  static constexpr int bytes = 24, elements = 32;
  static constexpr bool has_least = true;
  static Codes decode(const uint8_t* b) { return {fives(b + 8, b + 4), halves(b), halves(b + 2)}; }
};

struct Q8_0 {
  static constexpr int bytes = 34, elements = 32;
  static constexpr bool has_least = false;
  static Codes decode(const uint8_t* b) { return {load32(b + 2), halves(b), none()}; }
};

// Codes with a sign are multiplied in another way.
template <class Format>
inline constexpr bool has_sign = false;
template <>
inline constexpr bool has_sign<Q8_0> = true;

// The scales of a block's groups, and the minima, which lie at the places that offsets_of says.
struct Scales {
  alignas(32) float d[16];
  alignas(32) float m[16];
};
static inline __m256 numbers(int64_t eight_bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(eight_bytes)));
}
static inline int64_t both(uint32_t low, uint32_t high) {
  return static_cast<int64_t>(low | uint64_t{high} << 32);
}
// Stores sixteen signed bytes less `bias`, times a factor.
static inline void scale_bytes(const Words& w, float bias, float factor, float* to) {
  const __m256 less = _mm256_set1_ps(bias), by = _mm256_set1_ps(factor);
  const __m256 low = _mm256_sub_ps(numbers(both(w.at[0], w.at[1])), less);
  const __m256 high = _mm256_sub_ps(numbers(both(w.at[2], w.at[3])), less);
  _mm256_store_ps(to, _mm256_mul_ps(low, by));
  _mm256_store_ps(to + 8, _mm256_mul_ps(high, by));
}
static inline void six_bits(const uint8_t* b, Scales& s) {
  const auto w = eight_of_six_bits(b + 4);
  const __m256 d = _mm256_set1_ps(half(b)), m = _mm256_set1_ps(-half(b + 2));
  _mm256_store_ps(s.d, _mm256_mul_ps(numbers(both(w.at[0], w.at[1])), d));
  _mm256_store_ps(s.m, none());
  _mm256_store_ps(s.m + 8, _mm256_mul_ps(numbers(both(w.at[2], w.at[3])), m));
}
// The scales of group g of 16 and of the next one take four lanes each.
static inline __m256 pair(const float* d, int g) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_set1_ps(d[g])), _mm_set1_ps(d[g + 1]), 1);
}

// In blocks of 256, decode<i> takes the elements from 32 * i on.
struct Q2_K {
  static constexpr int bytes = 84, elements = 256;
  static constexpr bool has_least = true;
  static void scales(const uint8_t* b, Scales& s) {
    const auto codes = words_at(b);
    scale_bytes(low_halves(codes), 0, half(b + 80), s.d);
    scale_bytes(high_halves(codes), 0, -half(b + 82), s.m);
  }
  template <int64_t i>
  static Codes decode(const uint8_t* b, const Scales& s) {
    return {masked(right<i % 4 * 2>(load32(b + 16 + i / 4 * 32)), 3), pair(s.d, 2 * i), none()};
  }
};

struct Q3_K {
  static constexpr int bytes = 110, elements = 256;
  static constexpr bool has_least = false;
  static void scales(const uint8_t* b, Scales& s) {
    scale_bytes(sixteen_of_six_bits(b + 96), 32, half(b + 108), s.d);
  }
  template <int64_t i>
  static Codes decode(const uint8_t* b, const Scales& s) {
    const __m256i pairs = masked(right<i % 4 * 2>(load32(b + 32 + i / 4 * 32)), 3);
    return {_mm256_or_si256(pairs, masked(right<i - 2>(load32(b)), 4)), pair(s.d, 2 * i), none()};
  }
};

struct Q4_K {
  static constexpr int bytes = 144, elements = 256;
  static constexpr bool has_least = true;
  static void scales(const uint8_t* b, Scales& s) { six_bits(b, s); }
  template <int64_t i>
  static Codes decode(const uint8_t* b, const Scales& s) {
    return {masked(right<i % 2 * 4>(load32(b + 16 + i / 2 * 32)), 15), _mm256_set1_ps(s.d[i]),
            none()};
  }
};

struct Q5_K {
  static constexpr int bytes = 176, elements = 256;
  static constexpr bool has_least = true;
  static void scales(const uint8_t* b, Scales& s) { six_bits(b, s); }
  template <int64_t i>
  static Codes decode(const uint8_t* b, const Scales& s) {
    const __m256i four = masked(right<i % 2 * 4>(load32(b + 48 + i / 2 * 32)), 15);
    return {_mm256_or_si256(four, masked(right<i - 4>(load32(b + 16)), 16)), _mm256_set1_ps(s.d[i]),
            none()};
  }
};

struct Q6_K {
  static constexpr int bytes = 210, elements = 256;
  static constexpr bool has_least = false;
  static void scales(const uint8_t* b, Scales& s) {
    scale_bytes(words_at(b + 192), 0, half(b + 208), s.d);
  }
  template <int64_t i>
  static Codes decode(const uint8_t* b, const Scales& s) {
    const __m256i low = masked(right<i % 4 / 2 * 4>(load32(b + i / 4 * 64 + i % 2 * 32)), 15);
    const __m256i high = masked(right<i % 4 * 2 - 4>(load32(b + 128 + i / 4 * 32)), 0x30);
    return {_mm256_or_si256(low, high), pair(s.d, 2 * i), none()};
  }
};

}  // namespace strata::kernels::avx2
