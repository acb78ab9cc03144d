#include "torch/ops/repeatable.hpp"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>

#include "torch/pch.hpp"

namespace strata::torch {

namespace {

namespace autograd = ::torch::autograd;

void set_deterministic(bool on) {
  constexpr bool only_warn = false;  // with a warning it would do what it does without the setting
  at::globalContext().setDeterministicFillUninitializedMemory(false);
  at::globalContext().setDeterministicAlgorithms(on, only_warn);
}

struct Before final : autograd::FunctionPreHook {
  autograd::variable_list operator()(const autograd::variable_list& gradients) override {
    set_deterministic(true);
    return gradients;
  }
};

struct After final : autograd::FunctionPostHook {
  autograd::variable_list operator()(const autograd::variable_list& made,
                                     const autograd::variable_list&) override {
    set_deterministic(false);
    return made;
  }
};

}  // namespace

at::Tensor repeatable(at::Tensor y) {
  if (!y.is_cuda() || !y.grad_fn()) return y;
  if (at::globalContext().deterministicAlgorithms()) return y;  // for all ops, by the user's wish
  const auto& node = y.grad_fn();
  if (node->name().find("DotProduct") == std::string::npos) return y;
  node->add_pre_hook(std::make_unique<Before>());
  node->add_post_hook(std::make_unique<After>());
  return y;
}

}  // namespace strata::torch
