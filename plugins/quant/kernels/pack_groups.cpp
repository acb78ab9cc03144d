#include "kernels/pack_groups.hpp"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pack_groups.cpp"
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "gguf/floats.hpp"
#include "kernels/group_numbers.hpp"
#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

constexpr int whole = 16;       // chunks are filled up to a multiple of so many values
constexpr int64_t chunk = 256;  // values that are widened at a time
static_assert(whole % lanes == 0 && chunk % whole == 0);

HWY_INLINE void widen(const float* from, int count, float* to) { std::copy_n(from, count, to); }
HWY_INLINE void widen(const double* from, int count, float* to) {
  for (int i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
}
HWY_INLINE void widen(const gguf::Half* from, int count, float* to) {
  const int most = count / whole * whole;
  widen_halves(reinterpret_cast<const uint16_t*>(from), most, to);
  for (int i = most; i < count; ++i) to[i] = gguf::to_float(from[i]);
}
HWY_INLINE void widen(const gguf::Brain* from, int count, float* to) {
  const hn::RebindToUnsigned<Floats> wide;
  const hn::Rebind<uint16_t, Floats> narrow;
  int i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto bits = hn::LoadU(narrow, reinterpret_cast<const uint16_t*>(from + i));
    hn::StoreU(hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::PromoteTo(wide, bits))), Floats(),
               to + i);
  }
  for (; i < count; ++i) to[i] = gguf::to_float(from[i]);
}

// Up to `chunk` values of a row, and their first one again to fill the last vectors up.
struct Chunk {
  alignas(64) float at[chunk];
  int count, filled;

  template <class T>
  HWY_INLINE void read(const T* from, int64_t values) {
    count = static_cast<int>(std::min(values, chunk));
    filled = (count + whole - 1) / whole * whole;
    widen(from, count, at);
    std::fill(at + count, at + filled, at[0]);
  }
};

// The lowest and highest of some values, and the bits of the largest magnitude: these are ordered
// as magnitudes are, with infinities and NaN above the others.
struct Range {
  Vector low, high;
  Codes most = hn::Zero(Ints());

  explicit HWY_INLINE Range(float first)
      : low(hn::Set(Floats(), first)), high(hn::Set(Floats(), first)) {}

  HWY_INLINE void add(const Chunk& values) {
    for (int i = 0; i < values.filled; i += lanes) {
      const auto x = hn::Load(Floats(), values.at + i);
      low = hn::Min(low, x);
      high = hn::Max(high, x);
      most = hn::Max(most, masked(hn::BitCast(Ints(), x), 0x7fffffff));
    }
  }
  // Zeros of both signs are equal, and processors choose among them: the sum is 0.
  HWY_INLINE float lowest() const { return hn::GetLane(hn::MinOfLanes(Floats(), low)) + 0.0F; }
  HWY_INLINE float highest() const { return hn::GetLane(hn::MaxOfLanes(Floats(), high)) + 0.0F; }
  HWY_INLINE bool fits() const {
    return hn::GetLane(hn::MaxOfLanes(Ints(), most)) < std::bit_cast<int32_t>(too_large);
  }
};

// A scale that float32 is too coarse for becomes the smallest one, whose codes are exact.
HWY_INLINE float positive(double scale) {
  return std::max(static_cast<float>(scale), std::numeric_limits<float>::denorm_min());
}

struct Scaling {
  float scale, zero;
};

template <int bits, bool with_zero>
struct Integers {
  static constexpr int middle = 1 << (bits - 1), last = 2 * middle - 1;
  static constexpr int code_bits = bits;

  // Equal values are the zero, or one scale from it.
  static Scaling scaling(float low, float high) {
    if constexpr (with_zero)
      return {low == high ? 0 : positive((double{high} - double{low}) / last), low};
    if (low == high) return {low, 0};
    return {positive(std::max(-double{low}, double{high}) / (bits == 4 ? 7.5 : 127)), 0};
  }
  static HWY_INLINE Codes codes(Vector scaled) {
    constexpr int first = with_zero ? 0 : -middle;
    const auto least = hn::Set(Floats(), first), most = hn::Set(Floats(), first + last);
    const auto q = hn::NearestInt(hn::Min(hn::Max(scaled, least), most));
    return hn::Sub(q, hn::Set(Ints(), first));
  }
};

struct E4m3 {
  static constexpr int code_bits = 8;

  // Equal values are 1 or -1 in their scale.
  static Scaling scaling(float low, float high) {
    const double most = std::max(-double{low}, double{high});
    if (most == 0) return {0, 0};
    return {low == high ? static_cast<float>(most) : positive(most / 448), 0};
  }
  static HWY_INLINE Codes codes(Vector scaled) {
    const auto sign = masked(hn::ShiftRight<24>(hn::BitCast(Ints(), scaled)), 0x80);
    const auto size = hn::Min(hn::Abs(scaled), hn::Set(Floats(), 448));
    // Adding 2^14 leaves a multiple of 2^-9, the smallest step, rounded, in the low bits.
    const auto sum = hn::Add(size, hn::Set(Floats(), 0x1p14F));
    const auto small = hn::Sub(hn::BitCast(Ints(), sum), hn::Set(Ints(), 0x46800000));
    // Exponents differ by 120; the sum rounds three bits of mantissa to nearest even.
    const auto bits = hn::BitCast(Ints(), size);
    const auto odd = masked(hn::ShiftRight<20>(bits), 1);
    const auto rounded = hn::Add(hn::Add(bits, odd), hn::Set(Ints(), 0x7ffff - 0x3c000000));
    const auto is_small = hn::Lt(bits, hn::Set(Ints(), 0x3c800000));  // below 2^-6
    return hn::Or(sign, hn::IfThenElse(is_small, small, hn::ShiftRight<20>(rounded)));
  }
};

struct Nf4 {
  static constexpr int code_bits = 4;

  // The largest magnitude is 1 or -1 in its scale, so that equal values are exact.
  static Scaling scaling(float low, float high) { return {std::max(-low, high), 0}; }
  // The numbers ascend: the code is the count of the middles between neighbors that lie below.
  static HWY_INLINE Codes codes(Vector scaled) {
    auto code = hn::Zero(Ints());
    for (int n = 0; n < 15; ++n) {
      const double middle = (double{nf4_numbers[n]} + double{nf4_numbers[n + 1]}) / 2;
      const auto above = hn::Gt(scaled, hn::Set(Floats(), static_cast<float>(middle)));
      code = hn::Sub(code, hn::VecFromMask(Ints(), hn::RebindMask(Ints(), above)));
    }
    return code;
  }
};

// Stores the codes of a chunk.
template <class Numbers>
HWY_INLINE void store(const Chunk& values, Scaling by, uint8_t* to) {
  constexpr bool halves = Numbers::code_bits == 4;
  alignas(64) uint8_t bytes[chunk], packed[chunk / 2];
  const bool fits = values.count == values.filled;
  uint8_t* const codes = halves || !fits ? bytes : to;
  const auto zero = hn::Set(Floats(), by.zero);
  const auto divisor = hn::Set(Floats(), by.scale == 0 ? 1 : by.scale);
  const hn::Rebind<uint8_t, Floats> d8;
  for (int i = 0; i < values.filled; i += lanes) {
    const auto scaled = hn::Div(hn::Sub(hn::Load(Floats(), values.at + i), zero), divisor);
    hn::StoreU(hn::DemoteTo(d8, Numbers::codes(scaled)), d8, codes + i);
  }
  if constexpr (halves) {
    std::fill(bytes + values.count, bytes + values.filled, uint8_t{0});
    uint8_t* const out = fits ? to : packed;
    const hn::CappedTag<uint16_t, 8> pairs;
    const int step = 2 * static_cast<int>(hn::Lanes(pairs));
    const hn::Rebind<uint8_t, decltype(pairs)> half;
    for (int i = 0; i < values.filled; i += step) {
      const auto pair = hn::LoadU(pairs, reinterpret_cast<const uint16_t*>(bytes + i));
      const auto joined =
          hn::And(hn::Or(pair, hn::ShiftRight<4>(pair)), hn::Set(pairs, uint16_t{0xff}));
      hn::StoreU(hn::DemoteTo(half, hn::BitCast(hn::RebindToSigned<decltype(pairs)>(), joined)),
                 half, out + i / 2);
    }
    if (!fits) std::copy_n(packed, (values.count + 1) / 2, to);
  } else if (!fits) {
    std::copy_n(bytes, values.count, to);
  }
}

// Packs one group and gives its scaling. Its values are widened once, or twice if it has several
// chunks.
template <class Numbers, class T>
HWY_INLINE bool pack_group(const T* from, int64_t count, uint8_t* codes, Scaling& by) {
  Chunk values;
  values.read(from, count);
  Range range(values.at[0]);
  range.add(values);
  for (int64_t at = chunk; at < count; at += chunk) {
    values.read(from + at, count - at);
    range.add(values);
  }
  if (!range.fits()) return false;
  by = Numbers::scaling(range.lowest(), range.highest());
  for (int64_t at = 0; at < count; at += chunk) {
    if (count > chunk) values.read(from + at, count - at);
    store<Numbers>(values, by, codes + at * Numbers::code_bits / 8);
  }
  return true;
}

template <class Numbers, class T>
HWY_NOINLINE bool pack_elements(const GroupForm& form, const T* from, const DenseRows& rows,
                                PackedRows to) {
  for (int64_t n = 0; n < rows.rows; ++n, from += rows.columns) {
    for (int64_t at = 0; at < rows.columns; at += form.group) {
      Scaling by;
      if (!pack_group<Numbers>(from + at, std::min(form.group, rows.columns - at),
                               to.codes + at * Numbers::code_bits / 8, by))
        return false;
      *to.scales++ = by.scale;
      if (form.zero == Zero::number) *to.zeros++ = by.zero;
    }
    to.codes += codes_in(form, rows.columns);
  }
  return true;
}

template <class Numbers>
bool pack_numbers(const GroupForm& form, const DenseRows& rows, const PackedRows& to) {
  const auto from = [&](auto element) { return static_cast<const decltype(element)*>(rows.at); };
  if (rows.dtype.bits == 64) return pack_elements<Numbers>(form, from(double{}), rows, to);
  if (rows.dtype.bits == 32) return pack_elements<Numbers>(form, from(float{}), rows, to);
  if (rows.dtype.code == STRATA_BFLOAT)
    return pack_elements<Numbers>(form, from(gguf::Brain{}), rows, to);
  return pack_elements<Numbers>(form, from(gguf::Half{}), rows, to);
}

bool pack_rows(const GroupForm& form, const DenseRows& rows, const PackedRows& to) {
  const bool with_zero = form.zero == Zero::number;
  if (form.code == Code::e4m3) return pack_numbers<E4m3>(form, rows, to);
  if (form.code == Code::nf4) return pack_numbers<Nf4>(form, rows, to);
  if (form.code == Code::int4)
    return with_zero ? pack_numbers<Integers<4, true>>(form, rows, to)
                     : pack_numbers<Integers<4, false>>(form, rows, to);
  return with_zero ? pack_numbers<Integers<8, true>>(form, rows, to)
                   : pack_numbers<Integers<8, false>>(form, rows, to);
}

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(pack_rows);

bool can_pack(const GroupForm& form) {
  const auto [code, bits, lanes] = form.scale;
  return valid(form) && code == STRATA_FLOAT && bits == 32 && form.zero != Zero::code &&
         form.code != Code::e2m1;
}

bool pack(const GroupForm& form, const DenseRows& rows, const PackedRows& to) {
  return HWY_DYNAMIC_DISPATCH(pack_rows)(form, rows, to);
}

}  // namespace strata::kernels
#endif
