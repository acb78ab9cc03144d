// Loads elements as vectors of float32 and stores such vectors as elements, for each of Highway's
// targets. Every target gives the same bits.
//
// [Note: same bits] The kernels use only operations that IEEE 754 rounds correctly (+, -, *, /,
// sqrt) and integers, element by element, and never a fused multiply-add: the sources are compiled
// with -ffp-contract=off. Hence neither the width of the vectors nor the ranges of the threads
// matter, and one lane at a time computes what sixteen lanes compute.
#if defined(STRATA_OPTIM_ELEMENTS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_OPTIM_ELEMENTS_INL_HPP
#undef STRATA_OPTIM_ELEMENTS_INL_HPP
#else
#define STRATA_OPTIM_ELEMENTS_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using One = hn::CappedTag<float, 1>;  // a lane, for the ends of ranges
using All = hn::ScalableTag<float>;   // as many lanes as the target has

// The element types. `D` is a tag of float32 lanes; `at` counts elements. `stream` stores two
// vectors past the caches, at a multiple of the target's vectors; other places need no alignment.
struct F32 {
  using Stored = float;
  template <class D>
  static HWY_INLINE hn::Vec<D> load(D d, const Stored* from, uint64_t at) {
    return hn::LoadU(d, from + at);
  }
  template <class D>
  static HWY_INLINE void store(D d, hn::Vec<D> x, Stored* to, uint64_t at) {
    hn::StoreU(x, d, to + at);
  }
  template <class D>
  static HWY_INLINE void stream(D d, hn::Vec<D> x, hn::Vec<D> next, Stored* to, uint64_t at) {
    hn::Stream(x, d, to + at);
    hn::Stream(next, d, to + at + hn::Lanes(d));
  }
};

// A type of 16 bits: `Bits` converts between them and float32.
template <class Bits>
struct Half {
  using Stored = uint16_t;
  template <class D>
  static HWY_INLINE hn::Vec<D> load(D d, const Stored* from, uint64_t at) {
    const hn::Rebind<uint16_t, D> d16;
    const hn::RebindToUnsigned<D> du;
    return Bits::widen(d, hn::PromoteTo(du, hn::LoadU(d16, from + at)));
  }
  template <class D>
  static HWY_INLINE void store(D d, hn::Vec<D> x, Stored* to, uint64_t at) {
    const hn::Rebind<uint16_t, D> d16;
    hn::StoreU(hn::DemoteTo(d16, Bits::narrow(d, x)), d16, to + at);
  }
  template <class D>
  static HWY_INLINE void stream(D d, hn::Vec<D> x, hn::Vec<D> next, Stored* to, uint64_t at) {
#if HWY_TARGET == HWY_SCALAR
    store(d, x, to, at);
    store(d, next, to, at + 1);
#else
    const hn::Rebind<uint16_t, D> d16;
    const hn::Twice<hn::Rebind<uint16_t, D>> both;  // Stream writes whole vectors
    const auto low = hn::DemoteTo(d16, Bits::narrow(d, x));
    const auto high = hn::DemoteTo(d16, Bits::narrow(d, next));
    hn::Stream(hn::Combine(both, high, low), both, to + at);
#endif
  }
};

struct Bf16Bits {
  template <class D, class U>
  static HWY_INLINE hn::Vec<D> widen(D d, U bits) {
    return hn::BitCast(d, hn::ShiftLeft<16>(bits));
  }
  // To the nearest, ties to even; every NaN becomes 0x7fc0.
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> narrow(D, hn::Vec<D> x) {
    const hn::RebindToUnsigned<D> du;
    const hn::RebindToSigned<D> di;
    const auto bits = hn::BitCast(du, x);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const auto rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7fff)), odd);
    const auto nan = hn::RebindMask(du, hn::IsNaN(x));
    return hn::BitCast(di,
                       hn::ShiftRight<16>(hn::IfThenElse(nan, hn::Set(du, 0x7fc00000), rounded)));
  }
};

struct F16Bits {
  template <class D, class U>
  static HWY_INLINE hn::Vec<D> widen(D d, U bits) {
    const hn::RebindToUnsigned<D> du;
    const hn::RebindToSigned<D> di;
    const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du, 0x8000)));
    const auto size = hn::ShiftLeft<13>(hn::And(bits, hn::Set(du, 0x7fff)));
    // The exponent's bias grows by 112; a product also makes subnormal values normal.
    const auto scaled = hn::Mul(hn::BitCast(d, size), hn::BitCast(d, hn::Set(du, 0x77800000)));
    const auto special = hn::RebindMask(
        du, hn::Gt(hn::BitCast(di, size), hn::Set(di, 0x0f7fffff)));  // infinity or NaN
    const auto exponent = hn::IfThenElseZero(special, hn::Set(du, 0x7f800000));
    return hn::BitCast(d, hn::Or(sign, hn::Or(exponent, hn::BitCast(du, scaled))));
  }
  // To the nearest, ties to even; from 65520 on infinity; every NaN becomes 0x7e00.
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> narrow(D d, hn::Vec<D> x) {
    const hn::RebindToUnsigned<D> du;
    const hn::RebindToSigned<D> di;
    const auto bits = hn::BitCast(du, x);
    const auto sign = hn::ShiftRight<16>(hn::And(bits, hn::Set(du, 0x80000000)));
    const auto size = hn::And(bits, hn::Set(du, 0x7fffffff));
    const auto order = hn::BitCast(di, size);  // in the order of the absolute values
    // Normal values: the bias shrinks by 112, and the lowest 13 bits are rounded away.
    const auto odd = hn::And(hn::ShiftRight<13>(size), hn::Set(du, 1));
    const auto normal = hn::ShiftRight<13>(
        hn::Add(hn::Add(hn::Sub(size, hn::Set(du, 0x38000000)), hn::Set(du, 0xfff)), odd));
    // Below 2^-14: the last bit of 0.5 + |x| is worth 2^-24, as the last bit of a subnormal.
    const auto half = hn::Set(du, 0x3f000000);
    const auto sum = hn::Add(hn::BitCast(d, size), hn::BitCast(d, half));
    const auto subnormal = hn::Sub(hn::BitCast(du, sum), half);
    const auto small = hn::RebindMask(du, hn::Lt(order, hn::Set(di, 0x38800000)));
    const auto large = hn::RebindMask(du, hn::Gt(order, hn::Set(di, 0x477fefff)));
    auto out = hn::IfThenElse(small, subnormal, normal);
    out = hn::IfThenElse(large, hn::Set(du, 0x7c00), out);
    out = hn::Or(out, sign);
    const auto nan = hn::RebindMask(du, hn::IsNaN(x));
    return hn::BitCast(di, hn::IfThenElse(nan, hn::Set(du, 0x7e00), out));
  }
};

using Bf16 = Half<Bf16Bits>;
using F16 = Half<F16Bits>;

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
