#include "torch/ops/expert.hpp"

#include "torch/form.hpp"
#include "torch/ops/adapted.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/recorded_linear.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

at::Tensor held(const zero::Unit& form, uint32_t index, const std::byte* weights,
                const at::Tensor& like) {
  const auto& w = form.weights[index];
  return borrowed(weights + w.run.at, w.shape, like.scalar_type(), like.device());
}

// Whether two weights are adjacent, so that they can be one product.
bool packed(const zero::Unit& form, uint32_t first, uint32_t second) {
  const auto &a = form.weights[first], &b = form.weights[second];
  return a.group != 0 && a.group == b.group && a.run.at + a.run.bytes == b.run.at;
}

// Computes f(gate) * up; overwrites both unless gradients are recorded.
at::Tensor joined(const strata_op_moe& op, at::Tensor gate, at::Tensor up) {
  const bool in_place = !at::GradMode::is_enabled();
  if (op.limit != 0) {
    gate = in_place ? gate.clamp_max_(op.limit) : gate.clamp_max(op.limit);
    up = in_place ? up.clamp_(-op.limit, op.limit) : up.clamp(-op.limit, op.limit);
  }
  if (op.up_offset != 0) up = in_place ? up.add_(op.up_offset) : up.add(op.up_offset);
  return gated(static_cast<int32_t>(op.activation), gate, up);
}

}  // namespace

at::Tensor expert_output(const strata_op_moe& op, const at::Tensor& x,
                         const run::Experts::Expert& expert, Gradients* gradients,
                         const Adapters* adapters) {
  const auto* form = expert.form;
  const auto* weights = expert.weights;
  const auto product_of = [&](const at::Tensor& of, const at::Tensor& weight,
                              const at::Tensor& bias, const ProductPlace& place) {
    return gradients ? recorded_linear(of, weight, bias, place) : linear(of, weight, bias);
  };
  const auto added = [&](at::Tensor y, const at::Tensor& of, uint32_t index) {
    return adapters ? adapted(std::move(y), of, *adapters, form->weights[index].name) : y;
  };
  // A bias is counted from 1.
  const auto product = [&](const at::Tensor& of, uint32_t index, uint32_t bias) {
    auto y = product_of(of, held(*form, index, weights, of),
                        bias == 0 ? at::Tensor() : held(*form, bias - 1, weights, of),
                        {gradients, index, bias == 0 ? STRATA_NONE : bias - 1, 1});
    return added(std::move(y), of, index);
  };
  const auto inner = [&] {
    if (op.gate == STRATA_NONE)
      return activation(static_cast<int32_t>(op.activation), product(x, op.up, op.up_bias));
    if (op.gate_bias != 0 || op.up_bias != 0 || !packed(*form, op.gate, op.up))
      return joined(op, product(x, op.gate, op.gate_bias), product(x, op.up, op.up_bias));
    const auto& first = form->weights[op.gate];
    const auto ffn = first.shape[0];
    const auto whole =
        borrowed(weights + first.run.at, {2 * ffn, first.shape[1]}, x.scalar_type(), x.device());
    const auto both = product_of(x, whole, {}, {gradients, op.gate, STRATA_NONE, 2});
    return joined(op, added(both.narrow(1, 0, ffn), x, op.gate),
                  added(both.narrow(1, ffn, ffn), x, op.up));
  };
  return product(inner(), op.down, op.down_bias);
}

}  // namespace strata::torch
