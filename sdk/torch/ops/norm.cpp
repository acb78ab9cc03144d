#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

at::Tensor affine_weight(const at::Tensor& weight, double offset) {
  return offset == 0 ? weight : at::add(weight, offset);
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, double offset) {
  const auto wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  const auto scale = at::rsqrt(wide.mul(wide).mean(-1, true).add(eps));
  auto y = wide.mul(scale).to(x.scalar_type());
  return weight.defined() ? y.mul(affine_weight(weight, offset)) : y;
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps, double offset) {
  std::optional<at::Tensor> w, b;
  if (weight.defined()) w = affine_weight(weight, offset);
  if (bias.defined()) b = bias;
  return at::layer_norm(x, {x.size(-1)}, w, b, eps);
}

}  // namespace strata::torch
