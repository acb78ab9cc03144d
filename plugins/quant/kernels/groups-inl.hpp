// Decodes chunks of groups in registers. A format has the `bytes` of a chunk and is made for a
// group from its scale, its zero and, where codes have a table, their numbers; each(p, f) calls
// f(k, vector) for each vector of the chunk at p, in order.
#if defined(STRATA_KERNELS_GROUPS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_GROUPS_INL_HPP
#undef STRATA_KERNELS_GROUPS_INL_HPP
#else
#define STRATA_KERNELS_GROUPS_INL_HPP
#endif

#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

// The numbers of an integer's group: (code - zero) * scale, or code * scale + zero.
enum class Step : uint8_t { offset, sum };

// Integers in registers. With scales of float16 a product is exact and far from overflow, so that
// one step that is rounded once gives the same number as two.
template <Step step, bool fused>
struct Affine {
  HWY_INLINE Affine(float scale, float zero, const float*)
      : d(hn::Set(Floats(), scale)),
        m(hn::Set(Floats(), fused && step == Step::offset ? -zero * scale : zero)) {}
  HWY_INLINE Vector at(Codes codes) const {
    const auto code = hn::ConvertTo(Floats(), codes);
    if constexpr (fused) return hn::MulAdd(code, d, m);
    if constexpr (step == Step::offset) return hn::Mul(hn::Sub(code, m), d);
    return hn::Add(hn::Mul(code, d), m);
  }
  Vector d, m;
};

// The sixteen numbers that a group's codes of four bits can have, of which at() takes those of
// codes modulo 16.
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
struct Sixteen {
  HWY_INLINE explicit Sixteen(Vector all) : elements(all) {}
  HWY_INLINE Sixteen(float scale, float, const float* numbers)
      : elements(hn::Mul(hn::LoadU(Floats(), numbers), hn::Set(Floats(), scale))) {}
  HWY_INLINE Vector at(Codes codes) const {
    return Vector{_mm512_permutexvar_ps(codes.raw, elements.raw)};
  }
  Vector elements;
};
template <Step step, bool fused>
struct FourBits : Sixteen {
  HWY_INLINE FourBits(float scale, float zero, const float* none)
      : Sixteen(Affine<step, false>(scale, zero, none).at(hn::Iota(Ints(), 0))) {}
};
#else
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
struct Sixteen {
  HWY_INLINE Sixteen(float scale, float, const float* numbers)
      : low(hn::Mul(hn::LoadU(Floats(), numbers), hn::Set(Floats(), scale))),
        high(hn::Mul(hn::LoadU(Floats(), numbers + 8), hn::Set(Floats(), scale))) {}
  HWY_INLINE Vector at(Codes codes) const {
    const auto sign = _mm256_castsi256_ps(_mm256_slli_epi32(codes.raw, 28));  // the code's bit 3
    return Vector{_mm256_blendv_ps(_mm256_permutevar8x32_ps(low.raw, codes.raw),
                                   _mm256_permutevar8x32_ps(high.raw, codes.raw), sign)};
  }
  Vector low, high;
};
#else
struct Sixteen {
  HWY_INLINE Sixteen(float scale, float, const float* all)
      : d(hn::Set(Floats(), scale)), numbers(all) {}
  HWY_INLINE Vector at(Codes codes) const {
    return hn::Mul(hn::GatherIndex(Floats(), numbers, masked(codes, 15)), d);
  }
  Vector d;
  const float* numbers;
};
#endif
template <Step step, bool fused>
struct FourBits : Affine<step, fused> {
  HWY_INLINE FourBits(float scale, float zero, const float* none)
      : Affine<step, fused>(scale, zero, none) {}
  HWY_INLINE Vector at(Codes codes) const { return Affine<step, fused>::at(masked(codes, 15)); }
};
#endif

// Floats of eight bits, which group_numbers.hpp describes: a chunk is two times sixteen.
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86 && !defined(HWY_DISABLE_F16C)
// They are 2^-8 of what they are as float16, which subnormal numbers do not slow down. `fused`, the
// scale makes up for that, as it can unless it is beyond 2^119.
template <bool fused>
struct Small {
  HWY_INLINE explicit Small(float scale) : d(hn::Set(Floats(), fused ? scale * 256 : scale)) {}
  HWY_INLINE Vector scaled(Vector number) const {
    if constexpr (!fused) number = hn::Mul(number, hn::Set(Floats(), 256.0F));
    return hn::Mul(number, d);
  }
  HWY_INLINE void sixteen(const uint8_t* p, Vector* to) const {
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto high = _mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 8);
    const auto largest = _mm256_set1_epi16(0x3f80);
    const auto halves = _mm256_and_si256(_mm256_srai_epi16(high, 1),
                                         _mm256_set1_epi16(static_cast<int16_t>(0xbf80)));
    const auto nan = _mm256_cmpeq_epi16(_mm256_and_si256(halves, largest), largest);
    const auto all = _mm256_or_si256(halves, nan);
#if HWY_TARGET <= HWY_AVX3
    to[0] = scaled(Vector{_mm512_cvtph_ps(all)});
#else
    to[0] = scaled(Vector{_mm256_cvtph_ps(_mm256_castsi256_si128(all))});
    to[1] = scaled(Vector{_mm256_cvtph_ps(_mm256_extracti128_si256(all, 1))});
#endif
  }
  Vector d;
};
#else
template <bool>
struct Small {
  HWY_INLINE explicit Small(float scale) : d(hn::Set(Floats(), scale)) {}
  HWY_INLINE Vector at(Codes codes) const {
    const auto magnitude = masked(codes, 0x7f);
    const auto nan = hn::VecFromMask(Ints(), hn::Eq(magnitude, hn::Set(Ints(), 0x7f)));
    const auto sign = hn::ShiftLeft<24>(masked(codes, 0x80));
    const auto scaled =
        hn::Mul(hn::BitCast(Floats(), hn::ShiftLeft<20>(magnitude)), hn::Set(Floats(), 0x1p120F));
    const auto number = hn::Or(hn::BitCast(Ints(), scaled), hn::Or(sign, nan));
    return hn::Mul(hn::BitCast(Floats(), number), d);
  }
  HWY_INLINE void sixteen(const uint8_t* p, Vector* to) const {
    for (int k = 0; k < 16; k += lanes) to[k / lanes] = at(bytes_at(p + k));
  }
  Vector d;
};
#endif
template <bool fused>
struct SmallFloats {
  static constexpr int bytes = 32;
  Small<fused> elements;
  HWY_INLINE SmallFloats(float scale, float, const float*) : elements(scale) {}
  template <class F>
  HWY_INLINE void each(const uint8_t* p, const F& f) const {
    for (int first = 0; first < 32; first += 16) {
      Vector some[16 / lanes];
      elements.sixteen(p + first, some);
      for (int k = 0; k < 16; k += lanes) f(first + k, some[k / lanes]);
    }
  }
};

template <class Elements>
struct Nibbles {
  static constexpr int bytes = 16;
  Elements elements;
  HWY_INLINE Nibbles(float scale, float zero, const float* numbers)
      : elements(scale, zero, numbers) {}
  template <class F>
  HWY_INLINE void each(const uint8_t* p, const F& f) const {
    for (int k = 0; k < 16; k += lanes) f(k, elements.at(bytes_at(p + k)));
    for (int k = 0; k < 16; k += lanes) f(16 + k, elements.at(hn::ShiftRight<4>(bytes_at(p + k))));
  }
};

template <class Elements>
struct Bytes {
  static constexpr int bytes = 32;
  Elements elements;
  HWY_INLINE Bytes(float scale, float zero, const float* numbers)
      : elements(scale, zero, numbers) {}
  template <class F>
  HWY_INLINE void each(const uint8_t* p, const F& f) const {
    for (int k = 0; k < 32; k += lanes) f(k, elements.at(bytes_at(p + k)));
  }
};

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
