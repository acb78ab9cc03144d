#include "torch/routers.hpp"

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

void Routers::begin(double coefficient) {
  coefficient_ = coefficient;
  rows_ = 0;
  choices_ = probabilities_ = at::Tensor();
  chosen_.clear();
}

const at::Tensor& Routers::chosen(uint32_t unit) const {
  static const at::Tensor none;
  const auto found = chosen_.find(unit);
  return found == chosen_.end() ? none : found->second;
}

// [Note: router loss]
void Routers::add(const at::Tensor& probabilities, const at::Tensor& chosen) {
  const auto experts = probabilities.size(1);
  if (!choices_.defined()) {
    choices_ = at::zeros({experts}, probabilities.options().dtype(at::kDouble));
    probabilities_ = at::zeros_like(choices_);
  }
  if (choices_.size(0) != experts)
    throw Error("moe", "its router loss needs layers with the same number of experts",
                "set output_router_logits to false");
  // Sums of ones are exact in any order.
  const auto all = chosen.flatten();
  choices_.index_add_(0, all, at::ones(all.sizes(), choices_.options()));
  probabilities_.add_(probabilities.sum(at::IntArrayRef({0}), false, at::kDouble));
  rows_ += static_cast<double>(probabilities.size(0));
}

at::Tensor Routers::gradient() const {
  const auto experts = static_cast<double>(choices_.size(0));
  return choices_.mul(coefficient_ * experts / (rows_ * rows_));
}

at::Tensor Routers::loss() const {
  return choices_.defined() ? gradient().mul(probabilities_).sum() : at::Tensor();
}

}  // namespace strata::torch
