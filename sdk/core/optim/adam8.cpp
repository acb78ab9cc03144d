#include "core/optim/adam8.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/optim/levels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/optim/adam8.cpp"
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "core/optim/adam-inl.hpp"
#include "core/optim/elements-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::Vec<D> unpacked(D d, const float* values, float scale, const uint8_t* codes) {
  const hn::RebindToSigned<D> di;
  const auto code = hn::PromoteTo(di, hn::LoadU(hn::Rebind<uint8_t, D>{}, codes));
  return hn::Mul(hn::GatherIndex(d, values, code), hn::Set(d, scale));
}

// The number of the level nearest to x in [0, 1]. [Note: nearest level]
template <class D>
HWY_INLINE hn::Vec<hn::RebindToSigned<D>> nearest(D d, const Levels& levels, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  auto place = hn::Sub(hn::ShiftRight<16>(hn::BitCast(di, x)), hn::Set(di, Levels::lowest));
  place = hn::Min(hn::Max(place, hn::Zero(di)), hn::Set(di, Levels::highest - Levels::lowest));
  const auto start = hn::GatherIndex(di, levels.starts(), place);
  const auto above = hn::Gt(x, hn::GatherIndex(d, levels.borders(), start));
  return hn::Sub(start, hn::VecFromMask(di, hn::RebindMask(di, above)));  // a set lane is -1
}

template <class D>
HWY_INLINE void store_codes(D, hn::Vec<hn::RebindToSigned<D>> codes, uint8_t* to) {
  const hn::Rebind<uint8_t, D> d8;
  hn::StoreU(hn::DemoteTo(d8, codes), d8, to);
}

template <class D>
HWY_INLINE void pack1(D d, const Levels& levels, const float* moment, float inverse,
                      uint8_t* codes) {
  const hn::RebindToSigned<D> di;
  const auto x = hn::LoadU(d, moment);
  const auto level = nearest(d, levels, hn::Mul(hn::Abs(x), hn::Set(d, inverse)));
  const auto below = hn::Sub(hn::Set(di, 127), hn::Min(level, hn::Set(di, 127)));
  const auto negative = hn::RebindMask(di, hn::Lt(x, hn::Zero(d)));
  store_codes(d, hn::IfThenElse(negative, below, hn::Add(level, hn::Set(di, 127))), codes);
}

template <class D>
HWY_INLINE void pack2(D d, const Levels& levels, const float* moment, float inverse,
                      uint8_t* codes) {
  const hn::RebindToSigned<D> di;
  const auto x = hn::LoadU(d, moment);
  const auto level = nearest(d, levels, hn::Mul(x, hn::Set(d, inverse)));
  const auto some = hn::RebindMask(di, hn::Gt(x, hn::Zero(d)));
  store_codes(d, hn::Max(level, hn::IfThenElseZero(some, hn::Set(di, 1))), codes);
}

// Moments that are all subnormal, whose inverse would overflow, become the least levels.
HWY_INLINE float inverse_of(float scale) {
  return scale < std::numeric_limits<float>::min() ? 0 : 1 / scale;
}

// The moments of a block while it is updated.
struct Block {
  alignas(64) float moment1[moment_block];
  alignas(64) float moment2[moment_block];
};

// The largest absolute value.
HWY_NOINLINE float most_of(const float* moment, uint64_t count) {
  const All d;
  const uint64_t lanes = hn::Lanes(d);
  auto most = hn::Zero(d);
  uint64_t n = 0;
  for (; n + lanes <= count; n += lanes) most = hn::Max(most, hn::Abs(hn::LoadU(d, moment + n)));
  float out = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; n < count; ++n) out = std::max(out, std::abs(moment[n]));
  return out;
}

template <class D>
HWY_NOINLINE void pack(D d, const Block& block, float inverse1, float inverse2, uint8_t* codes1,
                       uint8_t* codes2, uint64_t first, uint64_t end) {
  const auto &levels1 = Levels::of_moment1(), &levels2 = Levels::of_moment2();
  for (uint64_t n = first; n < end; n += hn::Lanes(d)) {
    pack1(d, levels1, block.moment1 + n, inverse1, codes1 + n);
    pack2(d, levels2, block.moment2 + n, inverse2, codes2 + n);
  }
}

template <class Gradient, class Copy>
struct Range8 {
  struct Scales {
    float moment1, moment2;
  };

  // Updates the elements [first, end) of the block that begins at `begin`. [Note: size] The
  // constants are copied, so that no store can change them.
  template <class D>
  static HWY_NOINLINE void update(D d, AdamStep s, Adam8Arrays a, uint64_t begin, Scales scales,
                                  Block& block, uint64_t first, uint64_t end) {
    const float *values1 = Levels::of_moment1().values(), *values2 = Levels::of_moment2().values();
    const auto* gradient = static_cast<const typename Gradient::Stored*>(a.gradient);
    auto* copy = static_cast<typename Copy::Stored*>(a.copy);
    for (uint64_t n = first; n < end; n += hn::Lanes(d)) {
      const uint64_t at = begin + n;
      auto p = hn::LoadU(d, a.master + at);
      auto m = unpacked(d, values1, scales.moment1, a.moment1 + at);
      auto v = unpacked(d, values2, scales.moment2, a.moment2 + at);
      advance(d, s, Gradient::load(d, gradient, at), p, m, v);
      hn::StoreU(p, d, a.master + at);
      hn::StoreU(m, d, block.moment1 + n);
      hn::StoreU(v, d, block.moment2 + n);
      Copy::store(d, p, copy, at);
    }
  }

  static HWY_NOINLINE void run(const Adam8Arrays& a, const AdamStep& s, uint64_t at,
                               uint64_t count) {
    const All d;
    const One one;
    Block block;
    for (const uint64_t end = at + count; at < end; at += moment_block) {
      const uint64_t some = std::min(moment_block, end - at);
      const uint64_t whole = some / hn::Lanes(d) * hn::Lanes(d);
      float &scale1 = a.scale1[at / moment_block], &scale2 = a.scale2[at / moment_block];
      const Scales before{scale1, scale2};
      update(d, s, a, at, before, block, 0, whole);
      update(one, s, a, at, before, block, whole, some);
      scale1 = most_of(block.moment1, some);
      scale2 = most_of(block.moment2, some);
      const float inverse1 = inverse_of(scale1), inverse2 = inverse_of(scale2);
      auto *codes1 = a.moment1 + at, *codes2 = a.moment2 + at;
      pack(d, block, inverse1, inverse2, codes1, codes2, 0, whole);
      pack(one, block, inverse1, inverse2, codes1, codes2, whole, some);
    }
  }
};

void adam8_range(const AdamStep& s, const Adam8Arrays& a, uint64_t first, uint64_t count) {
  choose<WithCopy<Range8>::Of>(a, s, first, count);
}

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::optim {

HWY_EXPORT(adam8_range);

void adam8(const AdamStep& step, const Adam8Arrays& arrays, uint64_t first, uint64_t count) {
  HWY_DYNAMIC_DISPATCH(adam8_range)(step, arrays, first, count);
}

}  // namespace strata::optim
#endif
