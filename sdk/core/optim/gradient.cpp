#include "core/optim/gradient.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/optim/gradient.cpp"
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "core/optim/elements-inl.hpp"
#include "core/optim/sums-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

// The square of a float32 is exact in float64.
template <class Type>
struct Square {
  const typename Type::Stored* from;
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, uint64_t at) const {
    const auto x = hn::PromoteTo(d, Type::load(hn::Rebind<float, D>{}, from, at));
    return hn::Mul(x, x);
  }
};

template <class Type>
HWY_INLINE void blocks_squares(const void* values, uint64_t count, uint64_t first, uint64_t blocks,
                               double* partials) {
  const auto* from = static_cast<const typename Type::Stored*>(values);
  for (uint64_t block = first; block < first + blocks; ++block) {
    const uint64_t begin = block * square_block;
    partials[block] = sum_of(std::min(square_block, count - begin), Square<Type>{from + begin});
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
