// Decodes blocks of 256 elements in registers, as blocks-inl.hpp does those of 32. Their groups of
// 16 or 32 have scales of their own, which are quantized.
#if defined(STRATA_KERNELS_SUPER_BLOCKS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SUPER_BLOCKS_INL_HPP
#undef STRATA_KERNELS_SUPER_BLOCKS_INL_HPP
#else
#define STRATA_KERNELS_SUPER_BLOCKS_INL_HPP
#endif

#include <utility>

#include "kernels/blocks-inl.hpp"
#include "kernels/group_codes.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

// The scales of a block's groups.
struct Scales {
  alignas(64) float d[16];
  alignas(64) float m[16];
  HWY_INLINE Scale at(int group) const {
    return {hn::Set(Floats(), d[group]), hn::Set(Floats(), m[group])};
  }
};

// d * codes and m * codes, for bytes without a sign.
template <int groups>
HWY_INLINE void set(Scales& s, float d, const uint8_t* codes, float m, const uint8_t* leasts) {
  constexpr int step = groups < lanes ? groups : lanes;
  const hn::CappedTag<float, step> df;
  const hn::RebindToSigned<decltype(df)> di;
  const hn::Rebind<uint8_t, decltype(df)> d8;
  for (int g = 0; g < groups; g += step) {
    const auto scale = hn::ConvertTo(df, hn::PromoteTo(di, hn::LoadU(d8, codes + g)));
    const auto least = hn::ConvertTo(df, hn::PromoteTo(di, hn::LoadU(d8, leasts + g)));
    hn::StoreU(hn::Mul(scale, hn::Set(df, d)), df, s.d + g);
    hn::StoreU(hn::Mul(least, hn::Set(df, m)), df, s.m + g);
  }
}

// d * codes with a sign; m stands for the code `zero`.
HWY_INLINE void set_around(Scales& s, float d, const uint8_t* codes, float bias, float zero) {
  for (int g = 0; g < 16; g += lanes) {
    const auto code = hn::ConvertTo(Floats(), signed_bytes_at(codes + g));
    const auto scale =
        hn::Mul(hn::Sub(code, hn::Set(Floats(), bias)), hn::Set(Floats(), d));
    hn::StoreU(scale, Floats(), s.d + g);
    hn::StoreU(hn::Mul(scale, hn::Set(Floats(), -zero)), Floats(), s.m + g);
  }
}

// Calls Format::group<g>(block, scales, f) for each group in order, with constant g.
template <class Format, class F, int... g>
HWY_INLINE void groups(const uint8_t* b, const Scales& s, const F& f,
                       std::integer_sequence<int, g...>) {
  (Format::template group<g>(b, s, f), ...);
}

// The pairs of bits of group g of 16: 128 elements lie in 32 bytes.
template <int g>
HWY_INLINE Codes pairs(const uint8_t* codes, int k) {
  return hn::ShiftRight<g % 8 / 2 * 2>(bytes_at(codes + g / 8 * 32 + g % 2 * 16 + k));
}
// The bit `from` as the bit `to`.
template <int from, int to>
HWY_INLINE Codes moved(Codes codes) {
  if constexpr (from > to)
    return masked(hn::ShiftRight<from - to>(codes), 1 << to);
  else
    return masked(hn::ShiftLeft<to - from>(codes), 1 << to);
}

struct Q2_K {
  static constexpr int bytes = 84, elements = 256;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    Scales s;
    const auto codes = pairs_of_nibbles(b);
    set<16>(s, half(b + 80), codes.low, -half(b + 82), codes.high);
    groups<Q2_K>(b, s, f, std::make_integer_sequence<int, 16>());
  }
  template <int g, class F>
  static HWY_INLINE void group(const uint8_t* b, const Scales& s, const F& f) {
    const auto t = table<4>(s.at(g));
    for (int k = 0; k < 16; k += lanes) f(16 * g + k, look_up<4>(pairs<g>(b + 16, k), t));
  }
};

struct Q3_K {
  static constexpr int bytes = 110, elements = 256;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    Scales s;
    const auto codes = sixteen_of_six_bits(b + 96);
    set_around(s, half(b + 108), codes.scale, 32, 4);
    groups<Q3_K>(b, s, f, std::make_integer_sequence<int, 16>());
  }
  template <int g, class F>
  static HWY_INLINE void group(const uint8_t* b, const Scales& s, const F& f) {
    const auto t = table<8>(s.at(g));
    for (int k = 0; k < 16; k += lanes) {
      const auto high = moved<g / 2, 2>(bytes_at(b + g % 2 * 16 + k));
      f(16 * g + k, look_up<8>(hn::Or(masked(pairs<g>(b + 32, k), 3), high), t));
    }
  }
};

struct Q4_K {
  static constexpr int bytes = 144, elements = 256;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    Scales s;
    const auto codes = eight_of_six_bits(b + 4);
    set<8>(s, half(b), codes.scale, -half(b + 2), codes.least);
    groups<Q4_K>(b, s, f, std::make_integer_sequence<int, 8>());
  }
  template <int g, class F>
  static HWY_INLINE void group(const uint8_t* b, const Scales& s, const F& f) {
    const auto t = table<16>(s.at(g));
    for (int k = 0; k < 32; k += lanes)
      f(32 * g + k, look_up<16>(hn::ShiftRight<g % 2 * 4>(bytes_at(b + 16 + g / 2 * 32 + k)), t));
  }
};

struct Q5_K {
  static constexpr int bytes = 176, elements = 256;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    Scales s;
    const auto codes = eight_of_six_bits(b + 4);
    set<8>(s, half(b), codes.scale, -half(b + 2), codes.least);
    groups<Q5_K>(b, s, f, std::make_integer_sequence<int, 8>());
  }
  template <int g, class F>
  static HWY_INLINE void group(const uint8_t* b, const Scales& s, const F& f) {
    const auto scale = s.at(g);
    for (int k = 0; k < 32; k += lanes) {
      const auto low = hn::ShiftRight<g % 2 * 4>(bytes_at(b + 48 + g / 2 * 32 + k));
      const auto high = moved<g, 4>(bytes_at(b + 16 + k));
      f(32 * g + k, element(hn::Or(masked(low, 15), high), scale));
    }
  }
};

struct Q6_K {
  static constexpr int bytes = 210, elements = 256;
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const F& f) {
    Scales s;
    set_around(s, half(b + 208), b + 192, 0, 32);
    groups<Q6_K>(b, s, f, std::make_integer_sequence<int, 16>());
  }
  template <int g, class F>
  static HWY_INLINE void group(const uint8_t* b, const Scales& s, const F& f) {
    const auto scale = s.at(g);
    for (int k = 0; k < 16; k += lanes) {
      const auto bytes = bytes_at(b + g / 8 * 64 + g % 4 * 16 + k);
      const auto low = masked(hn::ShiftRight<g % 8 / 4 * 4>(bytes), 15);
      const auto high = hn::ShiftLeft<4>(masked(pairs<g>(b + 128, k), 3));
      f(16 * g + k, element(hn::Or(low, high), scale));
    }
  }
};

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
