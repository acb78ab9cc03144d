// Sums in float64 whose bits do not depend on the width of the vectors, for each of Highway's
// targets.
#if defined(STRATA_OPTIM_SUMS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_OPTIM_SUMS_INL_HPP
#undef STRATA_OPTIM_SUMS_INL_HPP
#else
#define STRATA_OPTIM_SUMS_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Wide = hn::ScalableTag<double>;
using WideOne = hn::CappedTag<double, 1>;

// The sum of each(d, i), a vector of doubles of the tag d from element i on, for i in [0, count).
// Element i is added to sum i % 32, and the 32 sums are added pairwise at the end.
template <class Each>
HWY_INLINE double sum_of(uint64_t count, const Each& each) {
  constexpr uint64_t sums = 32, lanes = HWY_LANES(double), vectors = sums / lanes;
  const Wide wide;
  hn::Vec<Wide> held[vectors];
  for (auto& sum : held) sum = hn::Zero(wide);
  uint64_t at = 0;
  for (; at + sums <= count; at += sums)
    for (uint64_t n = 0; n < vectors; ++n) held[n] = hn::Add(held[n], each(wide, at + n * lanes));
  double out[sums];
  for (uint64_t n = 0; n < vectors; ++n) hn::StoreU(held[n], wide, out + n * lanes);
  for (; at < count; ++at) out[at % sums] += hn::GetLane(each(WideOne{}, at));
  for (uint64_t width = sums / 2; width > 0; width /= 2)
    for (uint64_t n = 0; n < width; ++n) out[n] += out[n + width];
  return out[0];
}

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
