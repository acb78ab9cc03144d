#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// Gives weight `index` as a dense tensor.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [index] = args.of<&strata_ops::weight>();
  const auto& weight = declared(scope, "weight", "index", index);
  if (weight.experts != 0)
    refuse(scope, "weight", words(weight, index) + " is of experts: use moe");
  out[0] = {scope.dtype, shape::Dims(weight.shape)};
}

Cost cost_of(const Scope&, const Args&, std::span<const Value>, const Request&) {
  Cost cost;
  cost.is_weight = true;
  return cost;
}

strata_status entry(strata_call* call, uint32_t index, strata_tensor** out) noexcept {
  return enter(rows::weight, call, out, [&](auto run) { run(1, index); });
}

}  // namespace

STRATA_OP_ROW(weight, shape_of, cost_of, entry);

}  // namespace strata::ops
