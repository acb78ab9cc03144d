#include <algorithm>
#include <cmath>

#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// x [..,n] -> the same; weight and bias [n].
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [op, tensor] = args.of<&strata_ops::norm>();
  if (op->kind != STRATA_RMS_NORM && op->kind != STRATA_LAYER_NORM)
    refuse(scope, "norm", "kind " + std::to_string(op->kind) + " is not known");
  if (op->reserved != 0) refuse(scope, "norm", "its reserved field is not 0");
  if (!(op->eps >= 0) || !std::isfinite(op->eps) || !std::isfinite(op->offset))
    refuse(scope, "norm", "eps " + std::to_string(op->eps) + " is no small positive number");
  const auto x = tensor->view();
  takes(scope, "norm", "x", x, 0);
  const int64_t width = x.shape[x.ndim - 1];
  if (op->weight != STRATA_NONE) takes_weight(scope, "norm", "weight", op->weight, {width});
  if (op->bias != STRATA_NONE) takes_weight(scope, "norm", "bias", op->bias, {width});
  out[0] = {x.dtype, dims_of(x)};
}

Cost cost_of(const Scope&, const Args& args, std::span<const Value> results, const Request&) {
  const auto& [op, x] = args.of<&strata_ops::norm>();
  const auto& y = results[0];
  Cost cost;
  cost.held_bytes = twice_in_float32(y);
  // Two numbers of each row; a root mean square's x in float32, and y before the weight.
  cost.kept_bytes =
      twice_in_float32({{}, {y.dims.elements() / std::max<int64_t>(1, y.dims.last())}});
  if (op->kind == STRATA_RMS_NORM)
    cost.kept_bytes += bytes_of(y) + (y.dtype.bits < 32 ? twice_in_float32(y) / 2 : 0);
  return cost;
}

strata_status entry(strata_call* call, const strata_op_norm* op, strata_tensor* x,
                    strata_tensor** out) noexcept {
  return enter(rows::norm, call, out, [&](auto run) {
    const auto how = known("norm", op);
    run(1, &how, at("norm", "x", x));
  });
}

}  // namespace

STRATA_OP_ROW(norm, shape_of, cost_of, entry);

}  // namespace strata::ops
