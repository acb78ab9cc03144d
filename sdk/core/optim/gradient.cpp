#include "core/optim/gradient.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/optim/gradient.cpp"
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "core/optim/elements-inl.hpp"

#ifndef STRATA_OPTIM_GRADIENT_ONCE
#define STRATA_OPTIM_GRADIENT_ONCE
namespace strata::optim {
// [Note: sums] Element i of a block is added to sum i % 32, and the sums are added pairwise at the
// end, so the order does not depend on the width of the vectors. The square of a float32 is exact
// in float64.
inline constexpr uint64_t sums = 32;
}  // namespace strata::optim
#endif

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

template <class Type>
HWY_INLINE double block_squares(const typename Type::Stored* from, uint64_t count) {
  using Wide = hn::ScalableTag<double>;
  const Wide wide;
  const hn::Rebind<float, Wide> narrow;
  constexpr uint64_t lanes = HWY_LANES(double), vectors = sums / lanes;
  hn::Vec<Wide> held[vectors];
  for (auto& sum : held) sum = hn::Zero(wide);
  uint64_t at = 0;
  for (; at + sums <= count; at += sums)
    for (uint64_t n = 0; n < vectors; ++n) {
      const auto x = hn::PromoteTo(wide, Type::load(narrow, from, at + n * lanes));
      held[n] = hn::Add(held[n], hn::Mul(x, x));
    }
  double each[sums];
  for (uint64_t n = 0; n < vectors; ++n) hn::StoreU(held[n], wide, each + n * lanes);
  const One one;
  for (; at < count; ++at) {
    const double x = hn::GetLane(Type::load(one, from, at));
    each[at % sums] += x * x;
  }
  for (uint64_t width = sums / 2; width > 0; width /= 2)
    for (uint64_t n = 0; n < width; ++n) each[n] += each[n + width];
  return each[0];
}

template <class Type>
HWY_INLINE void blocks_squares(const void* values, uint64_t count, uint64_t first, uint64_t blocks,
                               double* partials) {
  const auto* from = static_cast<const typename Type::Stored*>(values);
  for (uint64_t block = first; block < first + blocks; ++block) {
    const uint64_t begin = block * square_block;
    partials[block] = block_squares<Type>(from + begin, std::min(square_block, count - begin));
  }
}

void squares(strata_dtype dtype, const void* values, uint64_t count, uint64_t first,
             uint64_t blocks, double* partials) {
  if (same(dtype, f32)) return blocks_squares<F32>(values, count, first, blocks, partials);
  if (same(dtype, bf16)) return blocks_squares<Bf16>(values, count, first, blocks, partials);
  blocks_squares<F16>(values, count, first, blocks, partials);
}

template <class Type>
HWY_INLINE void add_to(float* to, const void* values, uint64_t at, uint64_t count) {
  const auto* from = static_cast<const typename Type::Stored*>(values);
  const All d;
  const One one;
  const uint64_t end = at + count, lanes = hn::Lanes(d);
  for (; at + lanes <= end; at += lanes)
    hn::StoreU(hn::Add(hn::LoadU(d, to + at), Type::load(d, from, at)), d, to + at);
  for (; at < end; ++at)
    hn::StoreU(hn::Add(hn::LoadU(one, to + at), Type::load(one, from, at)), one, to + at);
}

void add_range(float* to, strata_dtype dtype, const void* from, uint64_t first, uint64_t count) {
  if (same(dtype, f32)) return add_to<F32>(to, from, first, count);
  if (same(dtype, bf16)) return add_to<Bf16>(to, from, first, count);
  add_to<F16>(to, from, first, count);
}

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::optim {

HWY_EXPORT(squares);
HWY_EXPORT(add_range);

void square_sums(strata_dtype dtype, const void* values, uint64_t count, uint64_t first_block,
                 uint64_t blocks, double* partials) {
  HWY_DYNAMIC_DISPATCH(squares)(dtype, values, count, first_block, blocks, partials);
}

double total(std::span<const double> partials) {
  double sum = 0;
  for (const double partial : partials) sum += partial;
  return sum;
}

double clip_factor(double norm, double most) {
  return most == 0 ? 1 : std::min(1.0, most / (norm + 1e-6));
}

void add(float* to, strata_dtype dtype, const void* from, uint64_t first, uint64_t count) {
  HWY_DYNAMIC_DISPATCH(add_range)(to, dtype, from, first, count);
}

}  // namespace strata::optim
#endif
