#include <cmath>

#include "core/shape/check.hpp"

namespace strata::shape {

Value norm(const Scope& scope, const strata_op_norm& op, const strata_view& x) {
  if (op.kind != STRATA_RMS_NORM && op.kind != STRATA_LAYER_NORM)
    refuse(scope, "norm", "kind " + std::to_string(op.kind) + " is not known");
  if (op.reserved != 0) refuse(scope, "norm", "its reserved field is not 0");
  if (!(op.eps >= 0) || !std::isfinite(op.eps) || !std::isfinite(op.offset))
    refuse(scope, "norm", "eps " + std::to_string(op.eps) + " is no small positive number");
  takes(scope, "norm", "x", x, 0);
  const int64_t width = x.shape[x.ndim - 1];
  if (op.weight != STRATA_NONE) takes_weight(scope, "norm", "weight", op.weight, {width});
  if (op.bias != STRATA_NONE) takes_weight(scope, "norm", "bias", op.bias, {width});
  return {x.dtype, dims_of(x)};
}

}  // namespace strata::shape
