#include "core/shape/check.hpp"

namespace strata::shape {
namespace {

// The shape [T,h,e] of [T,n]: where h or e is 0, it follows from the other.
Value single(const Scope& scope, int64_t h, int64_t e, const strata_view& x) {
  takes(scope, "heads", "x", x, 2);
  const int64_t width = x.shape[1];
  if (h == 0 && e != 0) h = width / e;
  if (e == 0 && h != 0) e = width / h;
  if (h == 0 || e == 0 || width % e != 0 || width / e != h)
    refuse(scope, "heads",
           "x " + words(x) + " is not " + std::to_string(h) + " heads of " + std::to_string(e));
  return {x.dtype, {x.shape[0], h, e}};
}

Value merged(const Scope& scope, int64_t h, int64_t e, const strata_view& x) {
  takes(scope, "heads", "x", x, 3);
  if ((h != 0 && h != x.shape[1]) || (e != 0 && e != x.shape[2]))
    refuse(scope, "heads",
           "x " + words(x) + " is not " + std::to_string(h) + " heads of " + std::to_string(e));
  return {x.dtype, {x.shape[0], x.shape[1] * x.shape[2]}};
}

}  // namespace

uint32_t heads_results(int32_t layout) {
  return layout == STRATA_FUSED || layout == STRATA_INTERLEAVED ? 3 : 1;
}

void heads(const Scope& scope, int32_t layout, uint32_t h, uint32_t k, uint32_t e,
           const strata_view& x, std::span<Value> out) {
  if (layout < STRATA_MERGED || layout > STRATA_INTERLEAVED || out.size() != heads_results(layout))
    refuse(scope, "heads", "layout " + std::to_string(layout) + " is not known");
  if (layout == STRATA_SINGLE) {
    out[0] = single(scope, h, e, x);
    return;
  }
  if (layout == STRATA_MERGED) {
    out[0] = merged(scope, h, e, x);
    return;
  }
  takes(scope, "heads", "x", x, 2);
  const int64_t q_heads = h, kv_heads = k == 0 ? h : k, dim = e;
  if (h == 0 || e == 0 || x.shape[1] / dim != q_heads + 2 * kv_heads || x.shape[1] % dim != 0 ||
      (layout == STRATA_INTERLEAVED && q_heads % kv_heads != 0))
    refuse(scope, "heads",
           "x " + words(x) + " is not " + std::to_string(q_heads) + " heads and twice " +
               std::to_string(kv_heads) + " of " + std::to_string(dim));
  out[0] = {x.dtype, {x.shape[0], q_heads, dim}};
  out[1] = out[2] = {x.dtype, {x.shape[0], kv_heads, dim}};
}

}  // namespace strata::shape
