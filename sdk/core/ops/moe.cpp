#include <cmath>

#include "core/ops/grouped_rows.hpp"
#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

void takes_experts(const Scope& scope, std::string_view what, uint32_t index, int64_t experts,
                   const shape::Dims& dims) {
  const auto& weight = declared(scope, "moe", what, index);
  if (weight.experts != experts || !std::ranges::equal(weight.shape, dims))
    refuse(scope, "moe",
           std::string(what) + ": " + words(weight, index) + " of " +
               std::to_string(weight.experts) + " experts is not " + words(dims) + " of " +
               std::to_string(experts));
}

// An index + 1, or 0: none.
void takes_bias(const Scope& scope, std::string_view what, uint32_t index, int64_t experts,
                int64_t width) {
  if (index != 0) takes_experts(scope, what, index - 1, experts, {width});
}

void takes_choice(const Scope& scope, const strata_op_moe& op, int64_t experts) {
  if (op.choice != 0) takes_weight(scope, "moe", "choice", op.choice - 1, {experts});
  if (op.top_k == 0 || op.top_k > experts)
    refuse(scope, "moe",
           "top_k " + std::to_string(op.top_k) + " of " + std::to_string(experts) + " experts");
  if (op.groups == 0) return;
  const int64_t each = experts / op.groups;
  if (experts % op.groups != 0 || op.top_groups == 0 || op.top_groups > op.groups ||
      op.group_best == 0 || op.group_best > each || op.top_k > each * op.top_groups)
    refuse(scope, "moe",
           std::to_string(op.top_groups) + " of " + std::to_string(op.groups) + " groups, by " +
               std::to_string(op.group_best) + " experts each, do not give " +
               std::to_string(op.top_k) + " of " + std::to_string(experts) + " experts");
}

// x [T,D]; router [X,D]; X experts of gate, up [F,D] and down [D,F] -> [T,D]. Without gate the
// experts are down(f(up(x))). Router, its bias and choice may be float32 where x is narrower.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [how, tensor] = args.of<&strata_ops::moe>();
  const auto& op = *how;
  const auto x = tensor->view();
  takes_tokens(scope, "moe", "x", x, 2);
  const int64_t hidden = x.shape[1];
  const auto& router = declared(scope, "moe", "router", op.router);
  if (router.shape.size() != 2 || router.experts != 0 || router.shape[1] != hidden)
    refuse(scope, "moe", words(router, op.router) + " does not take x " + words(x));
  const int64_t experts = router.shape[0];
  if (op.router_bias != STRATA_NONE)
    takes_weight(scope, "moe", "router bias", op.router_bias, {experts});
  const auto& up = declared(scope, "moe", "up", op.up);
  if (up.shape.size() != 2) refuse(scope, "moe", "up: " + words(up, op.up) + " is no matrix");
  const int64_t ffn = up.shape[0];
  takes_experts(scope, "up", op.up, experts, {ffn, hidden});
  if (op.gate != STRATA_NONE) takes_experts(scope, "gate", op.gate, experts, {ffn, hidden});
  takes_experts(scope, "down", op.down, experts, {hidden, ffn});
  takes_bias(scope, "gate bias", op.gate_bias, experts, ffn);
  takes_bias(scope, "up bias", op.up_bias, experts, ffn);
  takes_bias(scope, "down bias", op.down_bias, experts, hidden);
  takes_choice(scope, op, experts);
  if (op.gate == STRATA_NONE && (op.gate_bias != 0 || op.limit != 0 || op.up_offset != 0))
    refuse(scope, "moe", "a bias of gate, a limit or an offset of up, and no gate");
  if ((op.route != STRATA_ROUTE_SOFTMAX && op.route != STRATA_ROUTE_SIGMOID) || op.normalise > 1 ||
      op.activation < STRATA_RELU || op.activation > STRATA_SQRT_SOFTPLUS || op.reserved != 0 ||
      op.reserved2 != 0 || !std::isfinite(op.scale) || !(op.least_sum >= 0) || !(op.limit >= 0) ||
      !std::isfinite(op.up_offset))
    refuse(scope, "moe", "its route, normalise, activation, scale or limit is not known");
  out[0] = {x.dtype, dims_of(x)};
}

Cost cost_of(const Scope& scope, const Args& args, std::span<const Value> results,
             const Request& request) {
  const auto& [op, x] = args.of<&strata_ops::moe>();
  const auto& y = results[0];
  const auto hidden = y.dims[1], tokens = y.dims[0];
  const auto& router = scope.unit->weights[op->router];
  const auto ffn = scope.unit->weights[op->up].shape[0], experts = router.shape[0];
  // In the worst case one expert takes every token. It holds its input, gate and up, and its
  // function; or the function, its output, and the weighted output in float32. Several experts that
  // share products of few rows hold the function twice. The router's scores and the assignment of
  // tokens to experts come on top. In training an expert is run again alone, and holds all of that
  // and two gradients.
  const auto of_rows = [&](int64_t rows, int64_t functions) {
    return std::max(bytes_of({y.dtype, {rows, hidden + (2 + functions) * ffn}}),
                    bytes_of({y.dtype, {rows, 2 * hidden + ffn}}) +
                        bytes_of({{STRATA_FLOAT, 32, 1}, {rows, hidden}}));
  };
  const auto shared = request.trains ? 0 : std::min(tokens * op->top_k, grouped_rows);
  const auto one = std::max(of_rows(tokens, 1), of_rows(shared, 2));
  const auto scores =
      2 * twice_in_float32({{}, {tokens, experts}}) * (op->choice || op->groups ? 2 : 1);
  const auto wide = router.float32 ? twice_in_float32(y) / 2 : 0;  // x in float32
  Cost cost;
  cost.kept_bytes = wide + scores + 8 * twice_in_float32({{}, {tokens, op->top_k}});
  cost.held_bytes = (request.trains ? 3 : 1) * one + cost.kept_bytes;
  cost.top_k = op->top_k;
  const double matrices = op->gate == STRATA_NONE ? 2 : 3;
  cost.flops = 2.0 * static_cast<double>(tokens) * static_cast<double>(hidden) *
               (static_cast<double>(experts) + matrices * op->top_k * static_cast<double>(ffn));
  return cost;
}

strata_status entry(strata_call* call, const strata_op_moe* op, strata_tensor* x,
                    strata_tensor** out) noexcept {
  return enter(rows::moe, call, out, [&](auto run) {
    const auto how = known("moe", op);
    run(1, &how, at("moe", "x", x));
  });
}

}  // namespace

STRATA_OP_ROW(moe, shape_of, cost_of, entry);

}  // namespace strata::ops
