// The arithmetic of the optimizers for one element at a time, for devices and their tests: the bits
// of core/optim's kernels. nvcc compiles it for both sides, every other compiler for the host
// alone, without contracting products and sums. [Note: same bits]
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/optim/adam.hpp"

#ifdef __CUDACC__
#define STRATA_ANYWHERE __host__ __device__ inline
#else
#define STRATA_ANYWHERE inline
#endif

namespace strata::optim::one {

// Operations that are rounded to nearest and never fused.
#ifdef __CUDA_ARCH__
STRATA_ANYWHERE float add(float a, float b) { return __fadd_rn(a, b); }
STRATA_ANYWHERE float sub(float a, float b) { return __fsub_rn(a, b); }
STRATA_ANYWHERE float mul(float a, float b) { return __fmul_rn(a, b); }
STRATA_ANYWHERE float div(float a, float b) { return __fdiv_rn(a, b); }
STRATA_ANYWHERE float root(float a) { return __fsqrt_rn(a); }
#else
STRATA_ANYWHERE float add(float a, float b) { return a + b; }
STRATA_ANYWHERE float sub(float a, float b) { return a - b; }
STRATA_ANYWHERE float mul(float a, float b) { return a * b; }
STRATA_ANYWHERE float div(float a, float b) { return a / b; }
STRATA_ANYWHERE float root(float a) { return std::sqrt(a); }
#endif

STRATA_ANYWHERE uint32_t bits_of(float x) {
  uint32_t out = 0;
  std::memcpy(&out, &x, sizeof(out));
  return out;
}

STRATA_ANYWHERE float from_bits(uint32_t bits) {
  float out = 0;
  std::memcpy(&out, &bits, sizeof(out));
  return out;
}

STRATA_ANYWHERE bool is_nan(float x) { return (bits_of(x) & 0x7fffffffU) > 0x7f800000U; }

// The element types, as elements-inl.hpp has them for vectors.
struct F32 {
  using Stored = float;
  STRATA_ANYWHERE static float load(Stored from) { return from; }
  STRATA_ANYWHERE static Stored store(float x) { return x; }
};

struct Bf16 {
  using Stored = uint16_t;
  STRATA_ANYWHERE static float load(Stored from) { return from_bits(uint32_t{from} << 16); }
  STRATA_ANYWHERE static Stored store(float x) {
    const auto bits = bits_of(x);
    if (is_nan(x)) return 0x7fc0;
    return static_cast<Stored>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
  }
};

struct F16 {
  using Stored = uint16_t;
  STRATA_ANYWHERE static float load(Stored from) {
    const uint32_t sign = (uint32_t{from} & 0x8000U) << 16, size = (uint32_t{from} & 0x7fffU) << 13;
    const auto scaled = bits_of(mul(from_bits(size), from_bits(0x77800000U)));
    return from_bits(sign | scaled | (size > 0x0f7fffffU ? 0x7f800000U : 0U));
  }
  STRATA_ANYWHERE static Stored store(float x) {
    const auto bits = bits_of(x), size = bits & 0x7fffffffU;
    if (is_nan(x)) return 0x7e00;
    uint32_t out = (size - 0x38000000U + 0xfffU + (size >> 13 & 1U)) >> 13;
    if (size < 0x38800000U) out = bits_of(add(from_bits(size), 0.5F)) - 0x3f000000U;
    if (size > 0x477fefffU) out = 0x7c00;
    return static_cast<Stored>(out | (bits >> 16 & 0x8000U));
  }
};

// Computes the new weight p and moments m and v from the gradient g, as adam() does.
STRATA_ANYWHERE void advance(const AdamStep& s, float g, float& p, float& m, float& v) {
  g = mul(g, s.factor);
  if (s.l2 != 0) g = add(g, mul(p, s.l2));
  p = mul(p, s.keep);
  m = add(m, mul(sub(g, m), s.take1));
  v = add(mul(v, s.beta2), mul(mul(g, s.take2), g));
  const float spread = add(mul(root(v), s.root), s.eps);
  p = sub(p, div(mul(m, s.size), spread));
}

}  // namespace strata::optim::one

#undef STRATA_ANYWHERE
