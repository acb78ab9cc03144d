// Codes become pairs of float16 or bfloat16 for tensor cores. A word's codes come in an order of
// their own, in which the vectors are brought too: `order` says which.
#pragma once
#include "kernels/device_groups.cuh"

namespace strata::kernels {

// The operations on two numbers of 16 bits in a word.
template <class X>
struct Twice;

template <>
struct Twice<__half> {
  static __device__ __forceinline__ uint32_t sub(uint32_t a, uint32_t b) {
    uint32_t out;
    asm("sub.rn.f16x2 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b));
    return out;
  }
  static __device__ __forceinline__ uint32_t add(uint32_t a, uint32_t b) {
    uint32_t out;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b));
    return out;
  }
  static __device__ __forceinline__ uint32_t mul(uint32_t a, uint32_t b) {
    uint32_t out;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b));
    return out;
  }
  static __device__ __forceinline__ uint32_t of(float number) {
    const __half2 both = __float2half2_rn(number);
    return *reinterpret_cast<const uint32_t*>(&both);
  }
  static __device__ __forceinline__ float widened(uint32_t low) {
    return __half2float(__ushort_as_half(static_cast<unsigned short>(low)));
  }
  static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4],
                                                  const uint32_t (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
  static constexpr uint32_t one = 0x3c003c00U, nan = 0x7e00U;
  // e2m1 and e4m3 lie in the number's bits from here on, and are to be multiplied by this.
  static constexpr int e2m1_shift = 9, e4m3_shift = 7;
  static constexpr uint32_t e2m1_scale = 0x74007400U, e4m3_scale = 0x5c005c00U;  // 2^14, 2^8
};

template <>
struct Twice<__nv_bfloat16> {
  static __device__ __forceinline__ uint32_t fused(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t out;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(c));
    return out;
  }
  static __device__ __forceinline__ uint32_t sub(uint32_t a, uint32_t b) {
    return fused(b, 0xbf80bf80U, a);
  }
  static __device__ __forceinline__ uint32_t add(uint32_t a, uint32_t b) {
    return fused(b, one, a);
  }
  static __device__ __forceinline__ uint32_t mul(uint32_t a, uint32_t b) {
    return fused(a, b, 0x80008000U);
  }
  static __device__ __forceinline__ uint32_t of(float number) {
    const __nv_bfloat162 both = __float2bfloat162_rn(number);
    return *reinterpret_cast<const uint32_t*>(&both);
  }
  static __device__ __forceinline__ float widened(uint32_t low) {
    return __uint_as_float(low << 16);
  }
  static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4],
                                                  const uint32_t (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
  static constexpr uint32_t one = 0x3f803f80U, nan = 0x7fc0U;
  static constexpr int e2m1_shift = 6, e4m3_shift = 4;
  static constexpr uint32_t e2m1_scale = 0x7e807e80U, e4m3_scale = 0x7b807b80U;  // 2^126, 2^120
};

// (word & mask) | more, in one instruction.
__device__ __forceinline__ uint32_t masked(uint32_t word, uint32_t mask, uint32_t more) {
  uint32_t out;
  asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(out) : "r"(word), "r"(mask), "r"(more));
  return out;
}

// The order of a word's codes: neighbors, or those that lie 16 bits apart.
enum class PairOrder : uint8_t { neighbors, apart };

// The numbers of nf4, two for each byte: rounded, and what rounding left.
struct PairTable {
  uint2 pairs[256];
  template <class X>
  __device__ void fill() {
    for (int i = static_cast<int>(threadIdx.x); i < 256; i += static_cast<int>(blockDim.x)) {
      uint32_t high[2], low[2];
      for (int half = 0; half < 2; ++half) {
        const float all = nf4_there.at[half == 0 ? i & 15 : i >> 4];
        high[half] = Twice<X>::of(all) & 0xffffU;
        low[half] = Twice<X>::of(all - Twice<X>::widened(high[half])) & 0xffffU;
      }
      pairs[i] = make_uint2(high[0] | high[1] << 16, low[0] | low[1] << 16);
    }
  }
};

// Makes the pairs of a word. Integers come less 8 or 128, or where the form has zeros as they are:
// `base` is one of the two numbers that are subtracted. All are exact.
template <Code code, class X>
struct Pairs;

template <class X>
struct Pairs<Code::int4, X> {
  static constexpr PairOrder order = PairOrder::apart;
  static constexpr bool half = std::is_same_v<X, __half>;
  // 1024 or 128, whose last bits the code is, and 8 more.
  static constexpr uint32_t ones = half ? 0x64006400U : 0x43004300U;
  static constexpr uint32_t with_zeros = ones, without = half ? 0x64086408U : 0x43084308U;
  static __device__ __forceinline__ void make(uint32_t word, uint32_t base, uint32_t (&to)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      to[i] = Twice<X>::sub(masked(word >> (4 * i), 0x000f000fU, ones), base);
  }
};

template <>
struct Pairs<Code::int8, __half> {
  static constexpr PairOrder order = PairOrder::apart;
  static constexpr uint32_t ones = 0x64006400U;                        // 1024
  static constexpr uint32_t with_zeros = ones, without = 0x64806480U;  // 128 more
  static __device__ __forceinline__ void make(uint32_t word, uint32_t base, uint32_t (&to)[2]) {
#pragma unroll
    for (int i = 0; i < 2; ++i)
      to[i] = Twice<__half>::sub(masked(word >> (8 * i), 0x00ff00ffU, ones), base);
  }
};

template <>
struct Pairs<Code::int8, __nv_bfloat16> {
  static constexpr PairOrder order = PairOrder::apart;
  // The high half of a byte lies in 2048, whose steps are 16, the low one in 128.
  static constexpr uint32_t high = 0x45004500U, low = 0x43004300U;
  static constexpr uint32_t with_zeros = high, without = 0x45084508U;  // 128 more
  static __device__ __forceinline__ void make(uint32_t word, uint32_t base, uint32_t (&to)[2]) {
    using Two = Twice<__nv_bfloat16>;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const auto some = word >> (8 * i);
      const auto tens = Two::sub(masked(some >> 4, 0x000f000fU, high), base);
      to[i] = Two::add(tens, Two::sub(masked(some, 0x000f000fU, low), low));
    }
  }
};

template <class X>
struct Pairs<Code::e2m1, X> {
  static constexpr PairOrder order = PairOrder::apart;
  static constexpr uint32_t with_zeros = 0, without = 0;
  static __device__ __forceinline__ void make(uint32_t word, uint32_t, uint32_t (&to)[4]) {
    constexpr int shift = Twice<X>::e2m1_shift;
    constexpr uint32_t most = 0x00070007U << shift;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const auto some = word >> (4 * i);
      to[i] =
          Twice<X>::mul((some << 12 & 0x80008000U) | (some << shift & most), Twice<X>::e2m1_scale);
    }
  }
};

template <class X>
struct Pairs<Code::e4m3, X> {
  static constexpr PairOrder order = PairOrder::apart;
  static constexpr uint32_t with_zeros = 0, without = 0;
  static __device__ __forceinline__ void make(uint32_t word, uint32_t, uint32_t (&to)[2]) {
    constexpr int shift = Twice<X>::e4m3_shift;
    constexpr uint32_t most = 0x007f007fU << shift;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const auto some = word >> (8 * i);
      to[i] =
          Twice<X>::mul((some << 8 & 0x80008000U) | (some << shift & most), Twice<X>::e4m3_scale);
    }
    if (((word & 0x7f7f7f7fU) + 0x01010101U) & 0x80808080U) {  // a code is NaN
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half)
          if ((word >> (8 * i + 16 * half) & 0x7fU) == 0x7fU)
            to[i] = (to[i] & ~(0xffffU << 16 * half)) | Twice<X>::nan << 16 * half;
    }
  }
};

// The second words are what is left of the numbers.
template <class X>
struct Pairs<Code::nf4, X> {
  static constexpr PairOrder order = PairOrder::neighbors;
  static constexpr uint32_t with_zeros = 0, without = 0;
  static __device__ __forceinline__ void make(uint32_t word, const PairTable& table,
                                              uint32_t (&to)[4], uint32_t (&left)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const auto both = table.pairs[word >> (8 * i) & 0xffU];
      to[i] = both.x;
      left[i] = both.y;
    }
  }
};

}  // namespace strata::kernels
