#include <ATen/ops/hardswish.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/softplus.h>

#include <numbers>

#include "core/error.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

double rounded(double value, at::ScalarType type) {
  return at::scalar_tensor(value, at::TensorOptions().dtype(type)).item<double>();
}

}  // namespace

at::Tensor activation(int32_t f, const at::Tensor& x) {
  switch (f) {
    case STRATA_RELU:
      return at::relu(x);
    case STRATA_GELU:
      return at::gelu(x, "none");
    case STRATA_GELU_TANH:
      return at::gelu(x, "tanh");
    case STRATA_SILU:
      return at::silu(x);
    case STRATA_TANH:
      return at::tanh(x);
    case STRATA_SIGMOID:
      return x.sigmoid();
    case STRATA_QUICK_GELU:
      return x.mul(1.702).sigmoid().mul(x);
    case STRATA_RELU_SQUARED:
      return x.relu().square();
    case STRATA_GELU_CLIPPED:
      return at::gelu(x, "none").clamp_(-10, 10);
    case STRATA_HARD_SWISH:
      return at::hardswish(x);
    case STRATA_LAPLACE:
      return x.sub(0.707107).div_(0.282095 * std::numbers::sqrt2).erf_().add_(1).mul_(0.5);
    case STRATA_LEAKY_RELU:
      return at::leaky_relu(x, 0.01);
    case STRATA_IDENTITY:
      return x.clone();
    case STRATA_MISH:
      return at::mish(x);
    case STRATA_RELU6:
      return at::clamp(x, 0, 6);
    case STRATA_SQRT_SOFTPLUS:
      return at::softplus(x).sqrt_();
    default:
      throw Error("activation", "there is no function " + std::to_string(f), "correct the family");
  }
}

at::Tensor gated(int32_t f, const at::Tensor& gate, const at::Tensor& up) {
  auto y = activation(f, gate);
  return at::GradMode::is_enabled() ? y.mul(up) : y.mul_(up);
}

at::Tensor elementwise(int32_t op, const at::Tensor& a, const at::Tensor& b, double value) {
  switch (op) {
    case STRATA_ADD:
      return at::add(a, b);
    case STRATA_MUL:
      return at::mul(a, b);
    case STRATA_SCALE:
      return at::mul(a, value);
    case STRATA_SOFT_CAP:
      return at::tanh(a.mul(1 / value)).mul(value);
    case STRATA_CLAMP:
      return at::clamp(a, -value, value);
    case STRATA_SCALE_ROUNDED:
      return at::mul(a, rounded(value, a.scalar_type()));
    default:
      throw Error("elementwise", "there is no op " + std::to_string(op), "correct the family");
  }
}

}  // namespace strata::torch
