// Decodes blocks of 32 elements in registers. A format calls f(k, vector) with the elements from k
// on, for each vector of its block in order; f is inlined.
#if defined(STRATA_KERNELS_BLOCKS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_BLOCKS_INL_HPP
#undef STRATA_KERNELS_BLOCKS_INL_HPP
#else
#define STRATA_KERNELS_BLOCKS_INL_HPP
#endif

#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

// d and zero, which stands for code `zero`.
HWY_INLINE Scale around(const uint8_t* d, float zero) {
  const float scale = half(d);
  return {hn::Set(Floats(), scale), hn::Set(Floats(), -zero * scale)};
}
HWY_INLINE Scale from_least(const uint8_t* d) {
  return {hn::Set(Floats(), half(d)), hn::Set(Floats(), half(d + 2))};
}

// Sixteen bytes: elements 0 to 15 in the low halves, 16 to 31 in the high ones.
template <class F>
HWY_INLINE void nibbles(const uint8_t* p, Table t, const F& f) {
  for (int k = 0; k < 16; k += lanes) f(k, look_up<16>(bytes_at(p + k), t));
  for (int k = 0; k < 16; k += lanes)
    f(16 + k, look_up<16>(hn::ShiftRight<4>(bytes_at(p + k)), t));
}

// The same with a fifth bit for each element in the word `high`.
template <class F>
HWY_INLINE void fives(const uint8_t* p, uint32_t high, Scale s, const F& f) {
  for (int k = 0; k < 32; k += lanes) {
    const auto bytes = bytes_at(p + k % 16);
    const auto low = k < 16 ? masked(bytes, 15) : hn::ShiftRight<4>(bytes);
    f(k, element(with_fifth_bits(low, high >> k), s));
  }
}

struct Q4_0 {
  static constexpr int bytes = 18, elements = 32;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    nibbles(b + 2, table<16>(around(b, 8)), f);
  }
};

struct Q4_1 {
  static constexpr int bytes = 20, elements = 32;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    nibbles(b + 4, table<16>(from_least(b)), f);
  }
};

struct Q5_0 {
  static constexpr int bytes = 22, elements = 32;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    fives(b + 6, word(b + 2), around(b, 16), f);
  }
};

struct Q5_1 {
  static constexpr int bytes = 24, elements = 32;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    fives(b + 8, word(b + 4), from_least(b), f);
  }
};

struct Q8_0 {
  static constexpr int bytes = 34, elements = 32;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    const auto d = hn::Set(Floats(), half(b));
    for (int k = 0; k < 32; k += lanes)
      f(k, hn::Mul(hn::ConvertTo(Floats(), signed_bytes_at(b + 2 + k)), d));
  }
};

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
