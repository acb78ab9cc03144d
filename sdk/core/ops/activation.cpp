#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// f(x), of any shape.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [f, tensor] = args.of<&strata_ops::activation>();
  const auto x = tensor->view();
  takes_function(scope, "activation", f);
  takes(scope, "activation", "x", x, 0);
  out[0] = {x.dtype, dims_of(x)};
}

Cost cost_of(const Scope&, const Args& args, std::span<const Value> results, const Request&) {
  Cost cost;
  cost.kept_bytes = kept_by_function(std::get<0>(args.of<&strata_ops::activation>()), results[0]);
  return cost;
}

strata_status entry(strata_call* call, int32_t f, strata_tensor* x, strata_tensor** out) noexcept {
  return enter(rows::activation, call, out, [&](auto run) { run(1, f, at("activation", "x", x)); });
}

}  // namespace

STRATA_OP_ROW(activation, shape_of, cost_of, entry);

}  // namespace strata::ops
