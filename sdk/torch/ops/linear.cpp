#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!bias.defined()) return at::linear(x, weight);
  return at::linear(x, weight, bias);
}

}  // namespace strata::torch
