#include <array>
#include <cmath>

#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

constexpr std::array<std::string_view, 6> types{"default", "linear", "dynamic",
                                                "llama3",  "yarn",   "longrope"};

// Checks the parameters that the type divides by or reads.
void takes_type(const Scope& scope, const strata_op_rope& op, std::string_view type, int64_t dim) {
  const auto positive = [&](std::string_view name, double value) {
    if (!(value > 0) || !std::isfinite(value))
      refuse(scope, "rope",
             std::string(type) + ": " + std::string(name) + " " + std::to_string(value) +
                 " is not positive");
  };
  positive("theta", op.theta);
  if (type == "default") return;
  positive("factor", op.factor);
  if (type == "linear") return;
  if (type == "dynamic") {
    positive("max_positions", op.max_positions);
    if (dim < 4) refuse(scope, "rope", "dynamic: rotates 4 dimensions or more");
    return;
  }
  positive("original_positions", op.original_positions);
  if (type == "llama3") {
    positive("low_freq_factor", op.low_freq_factor);
    positive("high_freq_factor", op.high_freq_factor - op.low_freq_factor);
  } else if (type == "yarn") {
    positive("beta_fast", op.beta_fast);
    positive("beta_slow", op.beta_slow);
  } else if (int64_t{op.factors} * 2 != dim || !op.short_factors || !op.long_factors) {
    refuse(scope, "rope",
           "longrope: " + std::to_string(op.factors) + " factors for " + std::to_string(dim) +
               " dimensions that rotate: half as many are needed");
  }
}

// x [T,H,E] -> the same. op.dim is even and at most E; longrope's lists are op.dim / 2 long.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [how, tensor] = args.of<&strata_ops::rope>();
  const auto& op = *how;
  const auto x = tensor->view();
  takes_tokens(scope, "rope", "x", x, 3);
  if (op.layout != STRATA_ROPE_HALVES && op.layout != STRATA_ROPE_INTERLEAVED)
    refuse(scope, "rope", "layout " + std::to_string(op.layout) + " is not known");
  const int64_t dim = op.dim == 0 ? x.shape[2] : int64_t{op.dim};
  if (dim % 2 != 0 || dim > x.shape[2])
    refuse(scope, "rope",
           std::to_string(dim) + " dimensions of x " + words(x) + " cannot rotate in pairs");
  const std::string_view type(op.type.p ? op.type.p : "", op.type.p ? op.type.n : 0);
  if (std::ranges::find(types, type) == types.end())
    refuse(scope, "rope", "type '" + std::string(type) + "' is not known");
  takes_type(scope, op, type, dim);
  out[0] = {x.dtype, dims_of(x)};
}

Cost cost_of(const Scope&, const Args&, std::span<const Value> results, const Request&) {
  Cost cost;
  cost.held_bytes = twice_in_float32(results[0]);
  return cost;
}

strata_status entry(strata_call* call, const strata_op_rope* op, strata_tensor* x,
                    strata_tensor** out) noexcept {
  return enter(rows::rope, call, out, [&](auto run) {
    const auto how = known("rope", op);
    run(1, &how, at("rope", "x", x));
  });
}

}  // namespace

STRATA_OP_ROW(rope, shape_of, cost_of, entry);

}  // namespace strata::ops
