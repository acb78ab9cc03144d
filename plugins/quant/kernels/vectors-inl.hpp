// Vectors of float32 for each of Highway's targets, and the steps that every block's decoding
// takes.
#if defined(STRATA_KERNELS_VECTORS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_VECTORS_INL_HPP
#undef STRATA_KERNELS_VECTORS_INL_HPP
#else
#define STRATA_KERNELS_VECTORS_INL_HPP
#endif

#include <hwy/highway.h>

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/group_codes.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;
using Ints = hn::RebindToSigned<Floats>;
using Vector = hn::Vec<Floats>;
using Codes = hn::Vec<Ints>;
constexpr int lanes = static_cast<int>(hn::MaxLanes(Floats()));

HWY_INLINE uint32_t word(const uint8_t* p) {
  uint32_t out;
  std::memcpy(&out, p, sizeof(out));
  return out;
}

HWY_INLINE float half(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof(bits));
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86 && !defined(HWY_DISABLE_F16C)
  return _cvtsh_ss(bits);
#else
  const uint32_t magnitude = bits & 0x7fffU, sign = (bits & 0x8000U) << 16;
  const uint32_t special = magnitude >= 0x7c00U ? 0x7f800000U : 0U;  // infinity, NaN
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | special | sign);
#endif
}

// Loads `lanes` bytes as numbers.
HWY_INLINE Codes bytes_at(const uint8_t* p) {
  return hn::PromoteTo(Ints(), hn::LoadU(hn::Rebind<uint8_t, Floats>(), p));
}
HWY_INLINE Codes signed_bytes_at(const uint8_t* p) {
  const hn::Rebind<int8_t, Floats> d8;
  return hn::PromoteTo(Ints(), hn::LoadU(d8, reinterpret_cast<const int8_t*>(p)));
}

// Loads `lanes` bfloat16 or half floats.
HWY_INLINE Vector brains_at(const uint8_t* p) {
  const hn::Rebind<uint16_t, Floats> d16;
  const hn::RebindToUnsigned<Floats> d32;
  const auto bits = hn::PromoteTo(d32, hn::LoadU(d16, reinterpret_cast<const uint16_t*>(p)));
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(bits));
}
HWY_INLINE Vector halves_at(const uint8_t* p) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  return Vector{_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
#elif HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86 && !defined(HWY_DISABLE_F16C)
  return Vector{_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
#else
  alignas(64) float out[lanes];
  for (int i = 0; i < lanes; ++i) out[i] = half(p + 2 * i);
  return hn::Load(Floats(), out);
#endif
}
HWY_INLINE Codes masked(Codes codes, int mask) { return hn::And(codes, hn::Set(Ints(), mask)); }

// Takes the bits of the mask from `low` and the others from `high`.
HWY_INLINE Codes joined(int mask, Codes low, Codes high) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  return Codes{_mm512_ternarylogic_epi32(_mm512_set1_epi32(mask), low.raw, high.raw, 0xca)};
#else
  const auto wanted = hn::Set(Ints(), mask);
  return hn::Or(hn::And(wanted, low), hn::AndNot(wanted, high));
#endif
}

// Stores sixteen signed bytes times a factor.
HWY_INLINE void scale_bytes(const Words& bytes, float factor, float* to) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  const auto& w = bytes.at;  // in registers: the words have just been made
  const auto at = [&](int i) { return static_cast<int>(w[i]); };
  const __m512i codes = _mm512_cvtepi8_epi32(_mm_set_epi32(at(3), at(2), at(1), at(0)));
  _mm512_storeu_ps(to, _mm512_mul_ps(_mm512_cvtepi32_ps(codes), _mm512_set1_ps(factor)));
#else
  const auto* from = reinterpret_cast<const uint8_t*>(bytes.at);
  for (int g = 0; g < 16; g += lanes) {
    const auto codes = hn::ConvertTo(Floats(), signed_bytes_at(from + g));
    hn::StoreU(hn::Mul(codes, hn::Set(Floats(), factor)), Floats(), to + g);
  }
#endif
}

// Stores `count` half floats, a multiple of 16, as float32.
HWY_INLINE void widen_halves(const uint16_t* from, int count, float* to) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  for (int i = 0; i < count; i += 16) {
    const auto halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    _mm512_storeu_ps(to + i, _mm512_cvtph_ps(halves));
  }
#elif HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86 && !defined(HWY_DISABLE_F16C)
  for (int i = 0; i < count; i += 8) {
    const auto halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
  }
#else
  for (int i = 0; i < count; ++i) to[i] = half(reinterpret_cast<const uint8_t*>(from + i));
#endif
}

// The elements of one group are (code - zero) * d, or code * d + m. Products are exact for every
// block: d has 11 bits, the scales of groups have at most 8 and codes at most 8, where Q6_K has 7
// and 6 of them. So an element is rounded at most once, as the format's reference rounds it,
// whether or not a processor fuses the two steps.
HWY_INLINE Vector element(Codes code, Vector d, Vector m) {
  return hn::MulAdd(hn::ConvertTo(Floats(), code), d, m);
}

// Elements whose codes have at most four bits, codes modulo `count`: with sixteen lanes, look-ups
// in the table of all elements that a group can have.
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
template <int count>
struct Table {
  static HWY_INLINE Vector numbers() {
    return hn::ConvertTo(Floats(), masked(hn::Iota(Ints(), 0), count - 1));
  }
  HWY_INLINE Table(const float* d, const float* m)
      : elements(hn::MulAdd(numbers(), hn::Set(Floats(), *d), hn::Set(Floats(), *m))) {}
  HWY_INLINE Table(const float* d, int zero)
      : elements(hn::Mul(hn::Sub(numbers(), hn::Set(Floats(), static_cast<float>(zero))),
                         hn::Set(Floats(), *d))) {}
  HWY_INLINE Vector at(Codes codes) const {
    return Vector{_mm512_permutexvar_ps(codes.raw, elements.raw)};
  }
  Vector elements;
};
#else
template <int count>
struct Table {
  HWY_INLINE Table(const float* of_d, const float* of_m)
      : d(hn::Set(Floats(), *of_d)), m(hn::Set(Floats(), *of_m)) {}
  HWY_INLINE Table(const float* of_d, int zero)
      : d(hn::Set(Floats(), *of_d)), m(hn::Mul(d, hn::Set(Floats(), static_cast<float>(-zero)))) {}
  HWY_INLINE Vector at(Codes codes) const { return element(masked(codes, count - 1), d, m); }
  Vector d, m;
};
#endif

// Adds 16 to the codes whose bit is set, of codes below 16.
HWY_INLINE Codes with_fifth_bits(Codes codes, uint32_t bits) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  const auto wanted = static_cast<__mmask16>(bits);
  return Codes{_mm512_mask_or_epi32(codes.raw, wanted, codes.raw, _mm512_set1_epi32(16))};
#else
  const auto place = hn::Shl(hn::Set(Ints(), 1), hn::Iota(Ints(), 0));
  const auto set = hn::TestBit(hn::Set(Ints(), static_cast<int32_t>(bits)), place);
  return hn::Or(codes, masked(hn::VecFromMask(Ints(), set), 16));
#endif
}

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
