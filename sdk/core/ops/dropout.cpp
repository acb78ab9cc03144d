#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// x of any shape -> the same; 0 <= p < 1.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [p, tensor] = args.of<&strata_ops::dropout>();
  const auto x = tensor->view();
  takes(scope, "dropout", "x", x, 0);
  if (!(p >= 0 && p < 1))
    refuse(scope, "dropout", "p " + std::to_string(p) + " is not at least 0 and less than 1");
  out[0] = {x.dtype, dims_of(x)};
}

Cost cost_of(const Scope&, const Args& args, std::span<const Value> results, const Request&) {
  Cost cost;
  // It needs a byte for each element, whether it is dropped.
  if (std::get<0>(args.of<&strata_ops::dropout>()) > 0)
    cost.kept_bytes = static_cast<uint64_t>(results[0].dims.elements());
  return cost;
}

strata_status entry(strata_call* call, double p, strata_tensor* x, strata_tensor** out) noexcept {
  return enter(rows::dropout, call, out, [&](auto run) { run(1, p, at("dropout", "x", x)); });
}

}  // namespace

STRATA_OP_ROW(dropout, shape_of, cost_of, entry);

}  // namespace strata::ops
