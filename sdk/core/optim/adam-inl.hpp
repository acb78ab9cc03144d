// The arithmetic that the updates of Adam share, for each of Highway's targets. [Note: same bits]
#if defined(STRATA_OPTIM_ADAM_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_OPTIM_ADAM_INL_HPP
#undef STRATA_OPTIM_ADAM_INL_HPP
#else
#define STRATA_OPTIM_ADAM_INL_HPP
#endif

#include <hwy/highway.h>

#include "core/optim/adam.hpp"
#include "core/optim/elements-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

// Computes the new weights p and moments m and v from the gradient g.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void advance(D d, const AdamStep& s, V g, V& p, V& m, V& v) {
  g = hn::Mul(g, hn::Set(d, s.factor));
  if (s.l2 != 0) g = hn::Add(g, hn::Mul(p, hn::Set(d, s.l2)));
  p = hn::Mul(p, hn::Set(d, s.keep));
  m = hn::Add(m, hn::Mul(hn::Sub(g, m), hn::Set(d, s.take1)));
  v = hn::Add(hn::Mul(v, hn::Set(d, s.beta2)), hn::Mul(hn::Mul(g, hn::Set(d, s.take2)), g));
  const auto spread = hn::Add(hn::Mul(hn::Sqrt(v), hn::Set(d, s.root)), hn::Set(d, s.eps));
  p = hn::Sub(p, hn::Div(hn::Mul(m, hn::Set(d, s.size)), spread));
}

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
