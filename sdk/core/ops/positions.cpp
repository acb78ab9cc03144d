#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// Table [P,D] -> [T,D]; with `offset` no position may be before the table.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [weight, offset] = args.of<&strata_ops::positions>();
  const auto width = takes_table(scope, "positions", weight);
  if (offset < 0 || offset >= scope.unit->weights[weight].shape[0])
    refuse(scope, "positions",
           "offset " + std::to_string(offset) + " leads out of " +
               words(scope.unit->weights[weight], weight));
  out[0] = {scope.dtype, {scope.tokens, width}};
}

Cost cost_of(const Scope& scope, const Args& args, std::span<const Value>, const Request&) {
  const auto& [weight, offset] = args.of<&strata_ops::positions>();
  Cost cost;
  cost.positions = scope.unit->weights[weight].shape[0] - offset;
  cost.position_table = weight;
  return cost;
}

strata_status entry(strata_call* call, uint32_t weight, int64_t offset,
                    strata_tensor** out) noexcept {
  return enter(rows::positions, call, out, [&](auto run) { run(1, weight, offset); });
}

}  // namespace

STRATA_OP_ROW(positions, shape_of, cost_of, entry);

}  // namespace strata::ops
