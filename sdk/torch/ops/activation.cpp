#include <ATen/ops/hardswish.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/softplus.h>

#include <numbers>

#include "core/error.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

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

void arithmetic::activation(UnitCall&, const Args& args, Results out) {
  const auto& [f, x] = args.of<&strata_ops::activation>();
  out[0] = handle(torch::activation(f, value_of(*x)));
}

}  // namespace strata::torch
