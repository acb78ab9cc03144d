#include "core/ops/op.hpp"

namespace strata::ops {
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

uint32_t results_of(int32_t layout) {
  return layout == STRATA_FUSED || layout == STRATA_INTERLEAVED ? 3 : 1;
}

// single: [T,h*e] -> [T,h,e]; h or e may be 0: as the width says.
// merged: [T,h,e] -> [T,h*e]; h and e may be 0: as x says.
// fused: [T,(h+2k)*e] -> q [T,h,e], k [T,k,e], v [T,k,e] one after the other. k 0: as h.
// interleaved: the same width as k blocks, each of h/k heads of q, one of k and one of v.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [layout, h, k, e, tensor] = args.of<&strata_ops::heads>();
  const auto x = tensor->view();
  if (layout < STRATA_MERGED || layout > STRATA_INTERLEAVED || out.size() != results_of(layout))
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

Cost cost_of(const Scope&, const Args& args, std::span<const Value>, const Request&) {
  Cost cost;
  cost.viewed = std::get<4>(args.of<&strata_ops::heads>());
  return cost;
}

strata_status entry(strata_call* call, int32_t layout, uint32_t h, uint32_t k, uint32_t e,
                    strata_tensor* x, strata_tensor** out) noexcept {
  return enter(rows::heads, call, out,
               [&](auto run) { run(results_of(layout), layout, h, k, e, at("heads", "x", x)); });
}

}  // namespace

STRATA_OP_ROW(heads, shape_of, cost_of, entry);

}  // namespace strata::ops
