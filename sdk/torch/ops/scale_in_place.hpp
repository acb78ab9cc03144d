// The product with a number, in place.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>

namespace strata::torch {

// Multiplies in place with the bits of x.mul(factor), which rounds the product alone. For a tensor
// of a narrow dtype LibTorch's x.mul_(factor) rounds the factor before it.
inline void scale_in_place(at::Tensor& x, double factor) {
  x.mul_(at::scalar_tensor(factor, at::kDouble));
}

}  // namespace strata::torch
