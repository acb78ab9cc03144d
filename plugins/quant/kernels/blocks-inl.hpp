// Decodes blocks of 32 elements in registers. A format has the `bytes` and `elements` of a block
// and Scales, which are read for up to Scales::blocks blocks of a row and then widened; each(b,
// scales, i, f) calls f(k, vector) with the elements from k on for each vector of block i, which
// lies at b, in order.
#if defined(STRATA_KERNELS_BLOCKS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_BLOCKS_INL_HPP
#undef STRATA_KERNELS_BLOCKS_INL_HPP
#else
#define STRATA_KERNELS_BLOCKS_INL_HPP
#endif

#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

// These are the scales of up to 64 blocks of one row: d of each, or its d and then its m. They are
// read together, because a conversion for each block would cost as much as the block's products,
// and because the reads begin to fetch the rest of the blocks.
template <int each>
struct RowScales {
  static constexpr int blocks = 64;
  alignas(64) uint16_t halves[each * blocks];
  alignas(64) float values[each * blocks];

  HWY_INLINE void read(const uint8_t* b, int bytes, int count) {
    for (int64_t i = 0; i < count; ++i) std::memcpy(halves + each * i, b + i * bytes, 2 * each);
  }
  HWY_INLINE void widen(int count) { widen_halves(halves, (each * count + 15) / 16 * 16, values); }
};

// Sixteen bytes have elements 0 to 15 in the low halves, 16 to 31 in the high ones.
template <class F>
HWY_INLINE void nibbles(const uint8_t* p, Table<16> t, const F& f) {
  for (int k = 0; k < 16; k += lanes) f(k, t.at(bytes_at(p + k)));
  for (int k = 0; k < 16; k += lanes) f(16 + k, t.at(hn::ShiftRight<4>(bytes_at(p + k))));
}

// The word `high` has a fifth bit for each element.
template <class F>
HWY_INLINE void fives(const uint8_t* p, uint32_t high, Vector d, Vector m, const F& f) {
  for (int k = 0; k < 32; k += lanes) {
    const auto bytes = bytes_at(p + k % 16);
    const auto low = k < 16 ? masked(bytes, 15) : hn::ShiftRight<4>(bytes);
    f(k, element(with_fifth_bits(low, high >> k), d, m));
  }
}

struct Q4_0 {
  static constexpr int bytes = 18, elements = 32;
  using Scales = RowScales<1>;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t i, const F& f) {
    nibbles(b + 2, Table<16>(s.values + i, 8), f);
  }
};

struct Q4_1 {
  static constexpr int bytes = 20, elements = 32;
  using Scales = RowScales<2>;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t i, const F& f) {
    nibbles(b + 4, Table<16>(s.values + 2 * i, s.values + 2 * i + 1), f);
  }
};

struct Q5_0 {
  static constexpr int bytes = 22, elements = 32;
  using Scales = RowScales<1>;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t i, const F& f) {
    const auto d = hn::Set(Floats(), s.values[i]);
    fives(b + 6, word(b + 2), d, hn::Mul(d, hn::Set(Floats(), -16.0F)), f);
  }
};

struct Q5_1 {
  static constexpr int bytes = 24, elements = 32;
  using Scales = RowScales<2>;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t i, const F& f) {
    fives(b + 8, word(b + 4), hn::Set(Floats(), s.values[2 * i]),
          hn::Set(Floats(), s.values[2 * i + 1]), f);
  }
};

struct Q8_0 {
  static constexpr int bytes = 34, elements = 32;
  using Scales = RowScales<1>;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t i, const F& f) {
    const auto d = hn::Set(Floats(), s.values[i]);
    for (int k = 0; k < 32; k += lanes)
      f(k, hn::Mul(hn::ConvertTo(Floats(), signed_bytes_at(b + 2 + k)), d));
  }
};

// Dense elements have no scales.
struct NoScales {
  static constexpr int blocks = 64;
  HWY_INLINE void read(const uint8_t*, int, int) {}
  HWY_INLINE void widen(int) {}
};

struct BF16 {
  static constexpr int bytes = 64, elements = 32;
  using Scales = NoScales;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales&, int64_t, const F& f) {
    for (int k = 0; k < 32; k += lanes) f(k, brains_at(b + 2 * k));
  }
};

struct F16 {
  static constexpr int bytes = 64, elements = 32;
  using Scales = NoScales;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales&, int64_t, const F& f) {
    for (int k = 0; k < 32; k += lanes) f(k, halves_at(b + 2 * k));
  }
};

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
