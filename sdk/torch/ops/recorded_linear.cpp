#include "torch/ops/recorded_linear.hpp"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

namespace autograd = ::torch::autograd;

class LinearBackward final : public autograd::Node {
 public:
  LinearBackward(const at::Tensor& x, at::Tensor weight, const ProductPlace& place)
      : weight_(std::move(weight)), place_(place) {
    if (place_.gradients) x_ = autograd::SavedVariable(x, false);
  }

  autograd::variable_list apply(autograd::variable_list&& of_results) override {
    const auto& dy = of_results[0];
    if (!dy.defined()) return {at::Tensor()};
    if (place_.gradients) add_gradients(dy);
    return {should_compute_output(0) ? at::matmul(dy, weight_) : at::Tensor()};
  }
  void release_variables() override { x_.reset_data(); }
  std::string name() const override { return "StrataLinearBackward"; }

 private:
  void add_gradients(const at::Tensor& dy) {
    const auto x = x_.unpack();
    place_.gradients->add_product(place_.weight, place_.members, dy, x.detach());
    if (place_.bias != STRATA_NONE) place_.gradients->add_sum(place_.bias, place_.members, dy);
  }

  autograd::SavedVariable x_;  // with gradients
  at::Tensor weight_;
  ProductPlace place_;
};

}  // namespace

at::Tensor recorded_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           const ProductPlace& place) {
  const auto plain = [](const at::Tensor& t) { return t.defined() ? t.detach() : t; };
  at::Tensor y;
  {
    const c10::NoGradGuard by_hand;
    y = linear(x.detach(), plain(weight), plain(bias));
  }
  if (!place.gradients && !x.requires_grad()) return y;
  const std::shared_ptr<LinearBackward> node(new LinearBackward(x, weight.detach(), place),
                                             autograd::deleteNode);
  node->set_next_edges(autograd::collect_next_edges(x));
  autograd::set_history(y, node);
  return y;
}

}  // namespace strata::torch
