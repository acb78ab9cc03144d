#include "core/optim/adam.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/optim/adam.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "core/optim/elements-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

struct NoGradient {
  using Stored = void;
  template <class D>
  static HWY_INLINE hn::Vec<D> load(D d, const void*, uint64_t) {
    return hn::Zero(d);
  }
};

struct NoCopy {
  using Stored = void;
  template <class D>
  static HWY_INLINE void store(D, hn::Vec<D>, void*, uint64_t) {}
};

// Updates the lanes from `at` on but the copy, and returns the weights. [Note: same bits]
template <class Gradient, class D>
HWY_INLINE hn::Vec<D> update(D d, const AdamStep& s, const AdamArrays& a, uint64_t at) {
  auto p = hn::LoadU(d, a.master + at);
  auto m = hn::LoadU(d, a.moment1 + at);
  auto v = hn::LoadU(d, a.moment2 + at);
  auto g = Gradient::load(d, static_cast<const typename Gradient::Stored*>(a.gradient), at);
  g = hn::Mul(g, hn::Set(d, s.factor));
  if (s.l2 != 0) g = hn::Add(g, hn::Mul(p, hn::Set(d, s.l2)));
  p = hn::Mul(p, hn::Set(d, s.keep));
  m = hn::Add(m, hn::Mul(hn::Sub(g, m), hn::Set(d, s.take1)));
  v = hn::Add(hn::Mul(v, hn::Set(d, s.beta2)), hn::Mul(hn::Mul(g, hn::Set(d, s.take2)), g));
  const auto spread = hn::Add(hn::Mul(hn::Sqrt(v), hn::Set(d, s.root)), hn::Set(d, s.eps));
  p = hn::Sub(p, hn::Div(hn::Mul(m, hn::Set(d, s.size)), spread));
  hn::StoreU(p, d, a.master + at);
  hn::StoreU(m, d, a.moment1 + at);
  hn::StoreU(v, d, a.moment2 + at);
  return p;
}

// The number of elements, at most `count`, before the first one at a multiple of 64 bytes.
template <class T>
HWY_INLINE uint64_t before_line(const T* at, uint64_t count) {
  const auto over = reinterpret_cast<uintptr_t>(at) % 64;
  return std::min<uint64_t>(count, over == 0 ? 0 : (64 - over) / sizeof(T));
}

template <class Gradient, class Copy>
HWY_INLINE void range(AdamStep s, AdamArrays a, uint64_t at, uint64_t count) {
  const All d;
  const One one;
  const uint64_t end = at + count, lanes = hn::Lanes(d);
  auto* copy = static_cast<typename Copy::Stored*>(a.copy);
  // [Note: streaming] The copy is the one array that is written and not read. Its stores go past
  // the caches, which else would read each line before they write it.
  if constexpr (!std::is_void_v<typename Copy::Stored>) {
    const uint64_t head = at + before_line(copy + at, count);
    for (; at < head; ++at) Copy::store(one, update<Gradient>(one, s, a, at), copy, at);
    if (reinterpret_cast<uintptr_t>(copy + at) % 64 == 0)
      for (; at + 2 * lanes <= end; at += 2 * lanes) {
        const auto low = update<Gradient>(d, s, a, at);
        Copy::stream(d, low, update<Gradient>(d, s, a, at + lanes), copy, at);
      }
  }
  for (; at + lanes <= end; at += lanes) Copy::store(d, update<Gradient>(d, s, a, at), copy, at);
  for (; at < end; ++at) Copy::store(one, update<Gradient>(one, s, a, at), copy, at);
  hwy::FlushStream();
}

template <class Gradient>
HWY_INLINE void by_copy(const AdamStep& s, const AdamArrays& a, uint64_t first, uint64_t count) {
  if (!a.copy) return range<Gradient, NoCopy>(s, a, first, count);
  if (same(a.copy_dtype, f32)) return range<Gradient, F32>(s, a, first, count);
  if (same(a.copy_dtype, bf16)) return range<Gradient, Bf16>(s, a, first, count);
  range<Gradient, F16>(s, a, first, count);
}

void adam_range(const AdamStep& s, const AdamArrays& a, uint64_t first, uint64_t count) {
  if (!a.gradient) return by_copy<NoGradient>(s, a, first, count);
  if (same(a.gradient_dtype, f32)) return by_copy<F32>(s, a, first, count);
  if (same(a.gradient_dtype, bf16)) return by_copy<Bf16>(s, a, first, count);
  by_copy<F16>(s, a, first, count);
}

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::optim {

HWY_EXPORT(adam_range);

AdamStep adam_step(const AdamSettings& settings, uint64_t step) {
  const auto steps = static_cast<double>(step);
  const double decay = settings.weight_decay;
  const double bias1 = 1 - std::pow(settings.beta1, steps);
  const double bias2 = 1 - std::pow(settings.beta2, steps);
  return {.factor = static_cast<float>(settings.factor),
          .l2 = settings.decoupled ? 0 : static_cast<float>(decay),
          .keep = settings.decoupled ? static_cast<float>(1 - settings.rate * decay) : 1,
          .take1 = static_cast<float>(1 - settings.beta1),
          .beta2 = static_cast<float>(settings.beta2),
          .take2 = static_cast<float>(1 - settings.beta2),
          .root = static_cast<float>(1 / std::sqrt(bias2)),
          .eps = static_cast<float>(settings.eps),
          .size = static_cast<float>(settings.rate / bias1)};
}

void adam(const AdamStep& step, const AdamArrays& arrays, uint64_t first, uint64_t count) {
  HWY_DYNAMIC_DISPATCH(adam_range)(step, arrays, first, count);
}

}  // namespace strata::optim
#endif
