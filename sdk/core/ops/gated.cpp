#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// gate and up of one shape; up null: gate [..,2n] holds both. f(gate) is multiplied in place.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [f, first, second] = args.of<&strata_ops::gated>();
  const auto gate = first->view();
  takes_function(scope, "gated", f);
  takes(scope, "gated", "gate", gate, 0);
  auto dims = dims_of(gate);
  if (second) {
    const auto up = second->view();
    takes(scope, "gated", "up", up, 0);
    if (dims != dims_of(up))
      refuse(scope, "gated", "gate " + words(gate) + " and up " + words(up) + " differ");
  } else {
    auto& width = dims[dims.size() - 1];
    if (width % 2 != 0) refuse(scope, "gated", "x " + words(gate) + " has no two halves");
    width /= 2;
  }
  out[0] = {gate.dtype, dims};
}

// The product needs f(gate), which no gradient overwrites.
Cost cost_of(const Scope&, const Args& args, std::span<const Value> results, const Request&) {
  const auto f = std::get<0>(args.of<&strata_ops::gated>());
  Cost cost;
  cost.kept_bytes = bytes_of(results[0]) + kept_by_function(f, results[0]);
  return cost;
}

strata_status entry(strata_call* call, int32_t f, strata_tensor* gate, strata_tensor* up,
                    strata_tensor** out) noexcept {
  return enter(rows::gated, call, out,
               [&](auto run) { run(1, f, at("gated", "gate", gate), alive("gated", "up", up)); });
}

}  // namespace

STRATA_OP_ROW(gated, shape_of, cost_of, entry);

}  // namespace strata::ops
