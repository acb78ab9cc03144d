#include "core/optim/adam.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/optim/adam.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "core/optim/adam-inl.hpp"
#include "core/optim/elements-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

// [Note: prefetch] The processor follows few streams at a time and stops at each page of 4 KiB.
// Asking for the lines that are read 2 KiB later saves a seventh of the time. Addresses behind the
// arrays do no harm.
template <class T>
HWY_INLINE void ask_ahead(const T* at) {
  hwy::Prefetch(at + 2048 / sizeof(T));
}

// Updates the lanes from `at` on but the copy, and returns the weights.
template <class Gradient, class D>
HWY_INLINE hn::Vec<D> update(D d, const AdamStep& s, const AdamArrays& a, uint64_t at) {
  auto p = hn::LoadU(d, a.master + at);
  auto m = hn::LoadU(d, a.moment1 + at);
  auto v = hn::LoadU(d, a.moment2 + at);
  const auto* gradient = static_cast<const typename Gradient::Stored*>(a.gradient);
  if constexpr (!std::is_same_v<D, One>) {
    ask_ahead(a.master + at);
    ask_ahead(a.moment1 + at);
    ask_ahead(a.moment2 + at);
    if constexpr (!std::is_void_v<typename Gradient::Stored>) ask_ahead(gradient + at);
  }
  advance(d, s, Gradient::load(d, gradient, at), p, m, v);
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

// [Note: size] Functions that are not inlined keep the kernels of all types small, which with the
// sanitizers take minutes to compile else.
template <class Gradient, class Copy>
struct Range {
  using Copied = typename Copy::Stored;

  static HWY_NOINLINE void singly(const AdamStep& s, const AdamArrays& a, uint64_t at,
                                  uint64_t end) {
    const One one;
    auto* copy = static_cast<Copied*>(a.copy);
    for (; at < end; ++at) Copy::store(one, update<Gradient>(one, s, a, at), copy, at);
  }

  static HWY_NOINLINE void run(AdamArrays a, AdamStep s, uint64_t at, uint64_t count) {
    const All d;
    const uint64_t end = at + count, lanes = hn::Lanes(d);
    auto* copy = static_cast<Copied*>(a.copy);
    // [Note: streaming] The copy is the one array that is written and not read. Its stores go past
    // the caches, which else would read each line before they write it.
    bool streams = false;
    if constexpr (!std::is_void_v<Copied>) {
      const uint64_t head = at + before_line(copy + at, count);
      singly(s, a, at, head);
      at = head;
      streams = reinterpret_cast<uintptr_t>(copy + at) % 64 == 0;
    }
    for (; at + 2 * lanes <= end; at += 2 * lanes) {
      const auto low = update<Gradient>(d, s, a, at);
      const auto high = update<Gradient>(d, s, a, at + lanes);
      if (streams) {
        Copy::stream(d, low, high, copy, at);
      } else {
        Copy::store(d, low, copy, at);
        Copy::store(d, high, copy, at + lanes);
      }
    }
    singly(s, a, at, end);
    hwy::FlushStream();
  }
};

void adam_range(const AdamStep& s, const AdamArrays& a, uint64_t first, uint64_t count) {
  choose<WithCopy<Range>::Of>(a, s, first, count);
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
