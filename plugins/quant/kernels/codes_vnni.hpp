// These functions take the codes of 64 elements, in order and without a sign, and the scales of
// each four of them from blocks as they lie: from two blocks of 32, or from a quarter of one of
// 256. Only sources that are compiled for AVX-512 with VNNI include them.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/group_codes.hpp"

namespace strata::kernels::vnni {

// `scale` has a lane for each four codes, and so has `least`, in blocks of 32 that have one.
struct Codes {
  __m512i codes;
  __m512 scale, least;
};

static inline __m512 none() { return _mm512_setzero_ps(); }
static inline __m512i bytes_of(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
static inline __m128i load16(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
static inline __m256i load32(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
// Loads 32 bytes twice.
static inline __m512i twice(const uint8_t* p) { return _mm512_broadcast_i64x4(load32(p)); }

// A count for the low eight lanes of 32 bits, and one for the high eight.
static inline __m512i counts(int low, int high) {
  return _mm512_set_epi32(high, high, high, high, high, high, high, high, low, low, low, low, low,
                          low, low, low);
}
static inline __m512i right(__m512i bits, int low, int high) {
  return _mm512_srlv_epi32(bits, counts(low, high));
}
// Rotates to the left, or to the right for negative counts. A bit that leaves its byte spoils the
// next one, so the caller masks what it wants.
static inline __m512i rotated(__m512i bits, int low, int high) {
  return _mm512_rolv_epi32(bits, counts(low & 31, high & 31));
}
// a | (b & mask).
static inline __m512i with(__m512i a, __m512i b, int mask) {
  return _mm512_ternarylogic_epi32(a, b, bytes_of(mask), 0xf8);
}

// Loads half floats at `first` and `second`, as float32 in the low and the high eight lanes.
static inline __m512 halves(const uint8_t* first, const uint8_t* second) {
  int16_t a, b;
  std::memcpy(&a, first, sizeof(a));
  std::memcpy(&b, second, sizeof(b));
  return _mm512_cvtph_ps(
      _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_set1_epi16(a)), _mm_set1_epi16(b), 1));
}

// Blocks of 32 elements have 16 bytes at `a` and at `b`, whose low halves come first.
static inline __m512i nibbles(const uint8_t* a, const uint8_t* b) {
  const __m512i first = _mm512_broadcast_i32x4(load16(a));
  const __m512i both = _mm512_mask_broadcast_i32x4(first, 0xff00, load16(b));
  const __m512i place = _mm512_set_epi32(4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0);
  return _mm512_and_si512(_mm512_srlv_epi32(both, place), bytes_of(15));
}
static inline __m512i fives(const uint8_t* a, const uint8_t* b, const uint8_t* high_a,
                            const uint8_t* high_b) {
  uint32_t low, high;
  std::memcpy(&low, high_a, sizeof(low));
  std::memcpy(&high, high_b, sizeof(high));
  const __m512i four = nibbles(a, b);
  return _mm512_mask_add_epi8(four, low | uint64_t{high} << 32, four, bytes_of(16));
}

struct Q4_0 {
  static constexpr int bytes = 18, elements = 32;
  static constexpr bool has_least = false;
  static Codes decode(const uint8_t* a, const uint8_t* b) {
    return {nibbles(a + 2, b + 2), halves(a, b), none()};
  }
};

struct Q4_1 {
  static constexpr int bytes = 20, elements = 32;
  static constexpr bool has_least = true;
  static Codes decode(const uint8_t* a, const uint8_t* b) {
    return {nibbles(a + 4, b + 4), halves(a, b), halves(a + 2, b + 2)};
  }
};

struct Q5_0 {
  static constexpr int bytes = 22, elements = 32;
  static constexpr bool has_least = false;
  static Codes decode(const uint8_t* a, const uint8_t* b) {
    return {fives(a + 6, b + 6, a + 2, b + 2), halves(a, b), none()};
  }
};

struct Q5_1 {
  static constexpr int bytes = 24, elements = 32;
  static constexpr bool has_least = true;
  static Codes decode(const uint8_t* a, const uint8_t* b) {
    return {fives(a + 8, b + 8, a + 4, b + 4), halves(a, b), halves(a + 2, b + 2)};
  }
};

struct Q8_0 {
  static constexpr int bytes = 34, elements = 32;
  static constexpr bool has_least = false;
  static Codes decode(const uint8_t* a, const uint8_t* b) {
    const __m512i both =
        _mm512_inserti64x4(_mm512_castsi256_si512(load32(a + 2)), load32(b + 2), 1);
    return {_mm512_xor_si512(both, bytes_of(128)), halves(a, b), none()};
  }
};

// Sixteen signed bytes as numbers.
static inline __m512 numbers(__m128i bytes) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}
// Words that have just been made do not go through memory.
static inline __m512 numbers(const Words& w) {
  return numbers(_mm_set_epi32(static_cast<int>(w.at[3]), static_cast<int>(w.at[2]),
                               static_cast<int>(w.at[1]), static_cast<int>(w.at[0])));
}
static inline __m512 half(const uint8_t* p) {
  int16_t bits;
  std::memcpy(&bits, p, sizeof(bits));
  return _mm512_cvtph_ps(_mm256_set1_epi16(bits));
}

// The scales of a block of 256, of sixteen groups or of eight, and the minima at the places that
// offsets_of says; other lanes of `m` are multiplied by zeros.
struct Scales {
  __m512 d, m;
};
// The scales of the groups 4 * quarter to 4 * quarter + 3 take four lanes each.
static inline __m512 fours(__m512 of, int quarter) {
  const __m512i place = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  return _mm512_permutexvar_ps(_mm512_add_epi32(place, _mm512_set1_epi32(4 * quarter)), of);
}
// The numbers `at` and `at` + 1 take eight lanes each.
static inline __m512 eights(__m512 of, int at) {
  return _mm512_permutexvar_ps(counts(at, at + 1), of);
}
// Gives d * scale of eight groups, then -dmin * least of them.
static inline __m512 six_bits(const uint8_t* b) {
  const __m512 minus = _mm512_castsi512_ps(counts(0, INT32_MIN));
  return _mm512_mul_ps(numbers(eight_of_six_bits(b + 4)), _mm512_xor_ps(halves(b, b + 2), minus));
}

struct Q2_K {
  static constexpr int bytes = 84, elements = 256;
  static constexpr bool has_least = true;
  static Scales scales(const uint8_t* b) {
    const __m128i codes = load16(b), low = _mm_set1_epi8(15);
    const __m128i scale = _mm_and_si128(codes, low);
    const __m128i least = _mm_and_si128(_mm_srli_epi32(codes, 4), low);
    const __m512 minus = _mm512_set1_ps(-0.0F);
    return {_mm512_mul_ps(numbers(scale), half(b + 80)),
            _mm512_mul_ps(numbers(least), _mm512_xor_ps(half(b + 82), minus))};
  }
  template <int64_t quarter>
  static Codes decode(const uint8_t* b, const Scales& s) {
    constexpr int place = quarter % 2 * 4;
    const __m512i pairs = right(twice(b + 16 + quarter / 2 * 32), place, place + 2);
    return {_mm512_and_si512(pairs, bytes_of(3)), fours(s.d, quarter), none()};
  }
};

struct Q3_K {
  static constexpr int bytes = 110, elements = 256;
  static constexpr bool has_least = false;
  static Scales scales(const uint8_t* b) {
    const __m512 codes = numbers(sixteen_of_six_bits(b + 96));
    return {_mm512_mul_ps(_mm512_sub_ps(codes, _mm512_set1_ps(32)), half(b + 108)), none()};
  }
  template <int64_t quarter>
  static Codes decode(const uint8_t* b, const Scales& s) {
    constexpr int place = quarter % 2 * 4, high = 2 - 2 * quarter;
    const __m512i pairs = right(twice(b + 32 + quarter / 2 * 32), place, place + 2);
    const __m512i thirds = rotated(twice(b), high, high - 1);
    return {with(_mm512_and_si512(pairs, bytes_of(3)), thirds, 4), fours(s.d, quarter), none()};
  }
};

struct Q4_K {
  static constexpr int bytes = 144, elements = 256;
  static constexpr bool has_least = true;
  static Scales scales(const uint8_t* b) {
    const __m512 both = six_bits(b);
    return {both, both};
  }
  template <int64_t quarter>
  static Codes decode(const uint8_t* b, const Scales& s) {
    const __m512i four = right(twice(b + 16 + quarter * 32), 0, 4);
    return {_mm512_and_si512(four, bytes_of(15)), eights(s.d, 2 * quarter), none()};
  }
};

struct Q5_K {
  static constexpr int bytes = 176, elements = 256;
  static constexpr bool has_least = true;
  static Scales scales(const uint8_t* b) {
    const __m512 both = six_bits(b);
    return {both, both};
  }
  template <int64_t quarter>
  static Codes decode(const uint8_t* b, const Scales& s) {
    constexpr int high = 4 - 2 * quarter;
    const __m512i four = _mm512_and_si512(right(twice(b + 48 + quarter * 32), 0, 4), bytes_of(15));
    return {with(four, rotated(twice(b + 16), high, high - 1), 16), eights(s.d, 2 * quarter),
            none()};
  }
};

struct Q6_K {
  static constexpr int bytes = 210, elements = 256;
  static constexpr bool has_least = false;
  static Scales scales(const uint8_t* b) {
    return {_mm512_mul_ps(numbers(load16(b + 192)), half(b + 208)), none()};
  }
  template <int64_t quarter>
  static Codes decode(const uint8_t* b, const Scales& s) {
    constexpr int high = 4 - quarter % 2 * 4;
    const __m512i lows = _mm512_loadu_si512(b + quarter / 2 * 64);
    const __m512i four = _mm512_and_si512(_mm512_srli_epi32(lows, quarter % 2 * 4), bytes_of(15));
    const __m512i pairs = rotated(twice(b + 128 + quarter / 2 * 32), high, high - 2);
    return {with(four, pairs, 0x30), fours(s.d, quarter), none()};
  }
};

}  // namespace strata::kernels::vnni
