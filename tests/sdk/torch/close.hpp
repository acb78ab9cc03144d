// The difference of two tensors, computed in float64.
#pragma once
#include <ATen/core/Tensor.h>

namespace strata::torch::test {

// The largest difference over the largest element of `expected`.
inline double apart(const at::Tensor& made, const at::Tensor& expected) {
  const auto wide = expected.to(at::kDouble);
  const auto scale = wide.abs().max().item<double>();
  const auto most = made.to(at::kDouble).sub(wide).abs().max().item<double>();
  return most / (scale > 0 ? scale : 1);
}

}  // namespace strata::torch::test
