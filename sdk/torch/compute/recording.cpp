// The backward half of TorchCompute: it reruns units on the inputs that run kept, so that at most
// one unit is recorded at a time.
#include <torch/csrc/autograd/autograd.h>

#include "torch/compute/compute.hpp"
#include "torch/form.hpp"
#include "torch/mode.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

double TorchCompute::loss(std::span<const int64_t> targets) {
  return as_errors("loss", [&] {
    if (!shared_.recording || !logits_.defined() || targets.size() != wanted_.size())
      throw Error("loss", "it needs a recorded pass with a head and a target for each wanted row",
                  "");
    const Unrecorded mode(true);
    const auto n = static_cast<int64_t>(targets.size());
    const auto chosen = at::tensor(at::ArrayRef<int64_t>(targets.data(), targets.size()), at::kLong)
                            .to(logits_.device())
                            .unsqueeze(1);
    const auto likely = at::log_softmax(logits_, 1);
    auto gradient = likely.exp();
    gradient.scatter_add_(1, chosen, at::ones({n, 1}, gradient.options()).neg());
    logits_gradient_ = gradient.div_(static_cast<double>(n));
    head_gradient_ = gradient_ = at::Tensor();
    return -likely.gather(1, chosen).mean().item<double>();
  });
}

at::Tensor TorchCompute::gradient_of_output(const zero::Unit& unit, const at::Tensor& y) {
  if (unit.kind == STRATA_UNIT_HEAD)
    return logits_gradient_.narrow(1, unit.first_row, y.size(1)).to(y.device(), y.scalar_type());
  if (!gradient_.defined()) {
    gradient_ = at::zeros(y.sizes(), y.options());
    gradient_.index_copy_(0, wanted_on(y.device()), head_gradient_.to(y.device()));
  }
  return gradient_.to(y.device());
}

void TorchCompute::keep_gradient(const zero::Unit& unit, const at::Tensor& input,
                                 const at::Tensor& gradient) {
  auto whole = gradient.defined() ? gradient : at::zeros_like(input);
  if (unit.kind != STRATA_UNIT_HEAD)
    gradient_ = std::move(whole);
  else
    head_gradient_ = head_gradient_.defined() ? head_gradient_.add(whole) : whole;
}

void TorchCompute::backward(const zero::Unit& unit, const std::byte* weights,
                            std::byte* gradients) {
  as_errors(unit.name, [&] {
    const auto found = kept_.find(unit.declared);
    if (found == kept_.end() || !logits_gradient_.defined())
      throw Error(unit.name, "no pass was recorded, or its loss not taken", "");
    const auto& on = place(found->second.device);
    const c10::OptionalStreamGuard stream(on.stream);
    const bool first = unit.kind == STRATA_UNIT_EMBEDDING;
    const c10::AutoGradMode recorded(true);

    auto x = found->second.input.detach();
    if (!first) x.requires_grad_(true);
    const UnitWeights leaves(unit, weights, on.device, true);
    const auto y = forward(unit, leaves, on, x);

    std::vector<at::Tensor> inputs;
    for (const auto& leaf : leaves.leaves()) inputs.push_back(leaf.value);
    if (!first) inputs.push_back(x);
    const auto made = ::torch::autograd::grad({y}, inputs, {gradient_of_output(unit, y)},
                                              std::nullopt, false, true);

    const c10::NoGradGuard unrecorded;
    for (std::size_t i = 0; i < leaves.leaves().size(); ++i) {
      const auto& leaf = leaves.leaves()[i];
      auto to = borrowed(gradients + leaf.run_offset, leaf.value.sizes(), shared_.dtype, on.device);
      if (made[i].defined())
        to.copy_(made[i]);
      else
        to.zero_();
    }
    if (!first) keep_gradient(unit, x, made.back());
  });
}

}  // namespace strata::torch
