// Vectors of float32 for each of Highway's targets, and the steps that every block's decoding takes.
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

// `lanes` bytes as numbers.
HWY_INLINE Codes bytes_at(const uint8_t* p) {
  return hn::PromoteTo(Ints(), hn::LoadU(hn::Rebind<uint8_t, Floats>(), p));
}
HWY_INLINE Codes signed_bytes_at(const uint8_t* p) {
  const hn::Rebind<int8_t, Floats> d8;
  return hn::PromoteTo(Ints(), hn::LoadU(d8, reinterpret_cast<const int8_t*>(p)));
}
HWY_INLINE Codes masked(Codes codes, int mask) { return hn::And(codes, hn::Set(Ints(), mask)); }

// The elements of one group are code * d + m. The product is exact for every block, because d has
// 11 bits, a group's scale at most 7 and a code at most 8 (of which Q6_K, with 7 of the one, uses
// 6): an element is rounded once, as the format's reference rounds it, fused or not.
struct Scale {
  Vector d, m;
};
HWY_INLINE Vector element(Codes code, Scale s) {
  return hn::MulAdd(hn::ConvertTo(Floats(), code), s.d, s.m);
}

// Elements whose codes have at most four bits: with sixteen lanes, one look-up in the table of all
// elements that a group can have. Codes are then taken modulo 16.
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
struct Table {
  Vector elements;
};
// The table of codes modulo `count`, a power of two.
template <int count>
HWY_INLINE Table table(Scale s) {
  return {element(masked(hn::Iota(Ints(), 0), count - 1), s)};
}
template <int count>
HWY_INLINE Vector look_up(Codes codes, Table t) {
  return Vector{_mm512_permutexvar_ps(codes.raw, t.elements.raw)};
}
// Adds 16 to the codes whose bit is set, of codes below 16.
HWY_INLINE Codes with_fifth_bits(Codes codes, uint32_t bits) {
  const auto wanted = static_cast<__mmask16>(bits);
  return Codes{_mm512_mask_or_epi32(codes.raw, wanted, codes.raw, _mm512_set1_epi32(16))};
}
#else
using Table = Scale;
template <int count>
HWY_INLINE Table table(Scale s) {
  return s;
}
template <int count>
HWY_INLINE Vector look_up(Codes codes, Table t) {
  return element(masked(codes, count - 1), t);
}
HWY_INLINE Codes with_fifth_bits(Codes codes, uint32_t bits) {
  const auto place = hn::Shl(hn::Set(Ints(), 1), hn::Iota(Ints(), 0));
  const auto set = hn::TestBit(hn::Set(Ints(), static_cast<int32_t>(bits)), place);
  return hn::Or(codes, masked(hn::VecFromMask(Ints(), set), 16));
}
#endif

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
