#include "torch/ops/mixture.hpp"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "core/ops/grouped_rows.hpp"
#include "torch/ops/expert.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

namespace autograd = ::torch::autograd;

// Calls f(tokens, choices) for each chosen expert: its tokens, and the indices of their weights.
template <class F>
void by_experts(const Routed& routed, F&& f) {
  int64_t first = 0;
  for (const auto end : routed.ends) {
    f(routed.tokens.slice(0, first, end), routed.choices.slice(0, first, end));
    first = end;
  }
}

at::Tensor weighted(const at::Tensor& y, const at::Tensor& weights) {
  return y.mul(weights.unsqueeze(1)).to(y.scalar_type());
}

class MixtureBackward final : public autograd::Node {
 public:
  MixtureBackward(const strata_op_moe& op, const at::Tensor& x, const Routed& routed, uint32_t unit,
                  run::Experts& experts, const Adapters* adapters, at::ScalarType reduce)
      : op_(op), x_(x, false), weights_(routed.weights, false), routed_(routed), unit_(unit),
        experts_(experts), adapters_(adapters), reduce_(reduce) {
    routed_.weights = at::Tensor();
  }

  autograd::variable_list apply(autograd::variable_list&& of_results) override {
    const auto& dy = of_results[0];
    if (!dy.defined()) return {at::Tensor(), at::Tensor()};
    const auto x = x_.unpack().detach(), weights = weights_.unpack().detach();
    auto dx = at::zeros_like(x), dweights = at::zeros_like(weights);
    experts_.need(unit_, routed_.experts);
    by_experts(routed_, [&](const at::Tensor& tokens, const at::Tensor& choices) {
      const auto expert = experts_.take();
      auto* memory = experts_.gradients();
      const auto flat = train::flat_of(*expert.form);
      Gradients gradients(flat, memory, reduce_, x.device());
      const auto its_x = x.index_select(0, tokens).requires_grad_(true);
      const auto its_weights = weights.index_select(0, choices).requires_grad_(true);
      {
        const c10::AutoGradMode recorded(true);
        const auto y =
            expert_output(op_, its_x, expert,
                          {.gradients = memory ? &gradients : nullptr, .adapters = adapters_});
        autograd::backward({weighted(y, its_weights)}, {dy.index_select(0, tokens)});
      }
      if (memory) gradients.finish();
      // A token chooses an expert once, so that no two rows of one addition are the same.
      dx.index_add_(0, tokens, its_x.grad());
      dweights.index_copy_(0, choices, its_weights.grad());
    });
    return {dx, dweights};
  }
  void release_variables() override {
    x_.reset_data();
    weights_.reset_data();
  }
  std::string name() const override { return "StrataMixtureBackward"; }

 private:
  strata_op_moe op_;
  autograd::SavedVariable x_, weights_;
  Routed routed_;
  uint32_t unit_;
  run::Experts& experts_;
  const Adapters* adapters_;
  at::ScalarType reduce_;
};

}  // namespace

at::Tensor mixture(const strata_op_moe& op, const at::Tensor& x, const Routed& routed,
                   uint32_t unit, run::Experts& experts, const ExpertProducts& how) {
  auto sum = at::zeros_like(x);
  experts.need(unit, routed.experts);
  const auto all = experts.take_all();
  if (const auto rows = routed.tokens.size(0);
      rows <= ops::grouped_rows && can_group(op, x, rows, all, how)) {
    const auto y =
        weighted(expert_outputs(op, x.index_select(0, routed.tokens), all, routed.ends, how),
                 routed.weights.index_select(0, routed.choices));
    int64_t first = 0;
    by_experts(routed, [&](const at::Tensor& tokens, const at::Tensor&) {
      sum.index_add_(0, tokens, y.narrow(0, first, tokens.size(0)));
      first += tokens.size(0);
    });
    return sum;
  }
  std::size_t next = 0;
  by_experts(routed, [&](const at::Tensor& tokens, const at::Tensor& choices) {
    const auto expert = all.empty() ? experts.take() : all[next++];
    const auto y = expert_output(op, x.index_select(0, tokens), expert, how);
    sum.index_add_(0, tokens, weighted(y, routed.weights.index_select(0, choices)));
  });
  return sum;
}

at::Tensor recorded_mixture(const strata_op_moe& op, const at::Tensor& x, const Routed& routed,
                            uint32_t unit, run::Experts& experts, const Adapters* adapters,
                            at::ScalarType reduce) {
  at::Tensor sum;
  {
    const c10::NoGradGuard by_hand;
    sum = mixture(op, x.detach(), routed, unit, experts, {.adapters = adapters});
  }
  if (!x.requires_grad() && !routed.weights.requires_grad()) return sum;
  const std::shared_ptr<MixtureBackward> node(
      new MixtureBackward(op, x, routed, unit, experts, adapters, reduce), autograd::deleteNode);
  node->set_next_edges(autograd::collect_next_edges(x, routed.weights));
  autograd::set_history(sum, node);
  return sum;
}

}  // namespace strata::torch
