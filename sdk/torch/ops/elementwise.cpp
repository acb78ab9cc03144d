#include "core/error.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

double rounded(double value, at::ScalarType type) {
  return at::scalar_tensor(value, at::TensorOptions().dtype(type)).item<double>();
}

}  // namespace

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

void arithmetic::elementwise(UnitCall&, const Args& args, Results out) {
  const auto& [op, a, b, value] = args.of<&strata_ops::elementwise>();
  out[0] = handle(torch::elementwise(op, value_of(*a), b ? value_of(*b) : at::Tensor(), value));
}

}  // namespace strata::torch
