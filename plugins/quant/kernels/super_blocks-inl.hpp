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

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

// The scales of one block's groups.
struct GroupScales {
  static constexpr int blocks = 1;
  alignas(64) float d[16];
  alignas(64) float m[16];
};

// Calls Format::group<g>(block, scales, f) for each group in order, with constant g.
template <class Format, class F, int64_t... g>
HWY_INLINE void groups(const uint8_t* b, const GroupScales& s, const F& f,
                       std::integer_sequence<int64_t, g...>) {
  (Format::template group<g>(b, s, f), ...);
}

// The lowest two bits become those of group g of 16; 128 elements lie in 32 bytes.
template <int64_t g>
HWY_INLINE Codes pairs(const uint8_t* codes, int k) {
  return hn::ShiftRight<g % 8 / 2 * 2>(bytes_at(codes + g / 8 * 32 + g % 2 * 16 + k));
}
// Moves the bit `from` to the place `to`, and the others with it.
template <int from, int to>
HWY_INLINE Codes moved(Codes codes) {
  if constexpr (from > to)
    return hn::ShiftRight<from - to>(codes);
  else
    return hn::ShiftLeft<to - from>(codes);
}
struct Q2_K {
  static constexpr int bytes = 84, elements = 256;
  struct Scales : GroupScales {
    HWY_INLINE void read(const uint8_t* b, int, int) {
      const auto codes = words_at(b);
      scale_bytes(low_halves(codes), half(b + 80), d);
      scale_bytes(high_halves(codes), -half(b + 82), m);
    }
    HWY_INLINE void widen(int) {}
  };
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t, const F& f) {
    groups<Q2_K>(b, s, f, std::make_integer_sequence<int64_t, 16>());
  }
  template <int64_t g, class F>
  static HWY_INLINE void group(const uint8_t* b, const GroupScales& s, const F& f) {
    const Table<4> t(s.d + g, s.m + g);
    for (int k = 0; k < 16; k += lanes) f(16 * g + k, t.at(pairs<g>(b + 16, k)));
  }
};

// Takes 32 from bytes below 64. The high bit, set and taken again, stops borrows between bytes.
HWY_INLINE Words minus_32(const Words& bytes) {
  Words out;
  for (int i = 0; i < 4; ++i) out.at[i] = ((bytes.at[i] | 0x80808080U) - 0x20202020U) ^ 0x80808080U;
  return out;
}

struct Q3_K {
  static constexpr int bytes = 110, elements = 256;
  struct Scales : GroupScales {
    HWY_INLINE void read(const uint8_t* b, int, int) {
      scale_bytes(minus_32(sixteen_of_six_bits(b + 96)), half(b + 108), d);
    }
    HWY_INLINE void widen(int) {}
  };
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t, const F& f) {
    groups<Q3_K>(b, s, f, std::make_integer_sequence<int64_t, 16>());
  }
  template <int64_t g, class F>
  static HWY_INLINE void group(const uint8_t* b, const GroupScales& s, const F& f) {
    const Table<8> t(s.d + g, 4);
    for (int k = 0; k < 16; k += lanes) {
      const auto high = moved<g / 2, 2>(bytes_at(b + g % 2 * 16 + k));
      f(16 * g + k, t.at(joined(3, pairs<g>(b + 32, k), high)));
    }
  }
};

struct Q4_K {
  static constexpr int bytes = 144, elements = 256;
  struct Scales : GroupScales {
    HWY_INLINE void read(const uint8_t* b, int, int) {
      const auto codes = eight_of_six_bits(b + 4);
      scale_bytes(codes, half(b), d);
      scale_bytes(codes, -half(b + 2), m);  // the minima are the last eight
    }
    HWY_INLINE void widen(int) {}
  };
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t, const F& f) {
    groups<Q4_K>(b, s, f, std::make_integer_sequence<int64_t, 8>());
  }
  template <int64_t g, class F>
  static HWY_INLINE void group(const uint8_t* b, const GroupScales& s, const F& f) {
    const Table<16> t(s.d + g, s.m + 8 + g);
    for (int k = 0; k < 32; k += lanes)
      f(32 * g + k, t.at(hn::ShiftRight<g % 2 * 4>(bytes_at(b + 16 + g / 2 * 32 + k))));
  }
};

struct Q5_K {
  static constexpr int bytes = 176, elements = 256;
  struct Scales : GroupScales {
    HWY_INLINE void read(const uint8_t* b, int, int) {
      const auto codes = eight_of_six_bits(b + 4);
      scale_bytes(codes, half(b), d);
      scale_bytes(codes, -half(b + 2), m);  // the minima are the last eight
    }
    HWY_INLINE void widen(int) {}
  };
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t, const F& f) {
    groups<Q5_K>(b, s, f, std::make_integer_sequence<int64_t, 8>());
  }
  template <int64_t g, class F>
  static HWY_INLINE void group(const uint8_t* b, const GroupScales& s, const F& f) {
    const auto d = hn::Set(Floats(), s.d[g]), m = hn::Set(Floats(), s.m[8 + g]);
    for (int k = 0; k < 32; k += lanes) {
      const auto low = hn::ShiftRight<g % 2 * 4>(bytes_at(b + 48 + g / 2 * 32 + k));
      const auto high = masked(moved<g, 4>(bytes_at(b + 16 + k)), 16);
      f(32 * g + k, element(joined(15, low, high), d, m));
    }
  }
};

struct Q6_K {
  static constexpr int bytes = 210, elements = 256;
  struct Scales : GroupScales {
    HWY_INLINE void read(const uint8_t* b, int, int) {
      const float scale = half(b + 208);
      scale_bytes(words_at(b + 192), scale, d);
      scale_bytes(words_at(b + 192), -32 * scale, m);
    }
    HWY_INLINE void widen(int) {}
  };
  template <class F>
  static HWY_INLINE void each(const uint8_t* b, const Scales& s, int64_t, const F& f) {
    groups<Q6_K>(b, s, f, std::make_integer_sequence<int64_t, 16>());
  }
  template <int64_t g, class F>
  static HWY_INLINE void group(const uint8_t* b, const GroupScales& s, const F& f) {
    const auto d = hn::Set(Floats(), s.d[g]), m = hn::Set(Floats(), s.m[g]);
    for (int k = 0; k < 16; k += lanes) {
      const auto halves = bytes_at(b + g / 8 * 64 + g % 4 * 16 + k);
      const auto low = hn::ShiftRight<g % 8 / 4 * 4>(halves);
      const auto pair = bytes_at(b + 128 + g / 8 * 32 + g % 2 * 16 + k);
      const auto high = masked(moved<g % 8 / 2 * 2, 4>(pair), 0x30);
      f(16 * g + k, element(joined(15, low, high), d, m));
    }
  }
};

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
