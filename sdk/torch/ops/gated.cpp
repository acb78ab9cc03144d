#include "torch/ops/arithmetic.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

at::Tensor gated(int32_t f, const at::Tensor& gate, const at::Tensor& up) {
  auto y = activation(f, gate);
  return at::GradMode::is_enabled() ? y.mul(up) : y.mul_(up);
}

void arithmetic::gated(UnitCall&, const Args& args, Results out) {
  const auto& [f, gate, up] = args.of<&strata_ops::gated>();
  const auto& x = value_of(*gate);
  if (up) {
    out[0] = handle(torch::gated(f, x, value_of(*up)));
    return;
  }
  const auto width = x.size(-1) / 2;
  out[0] = handle(torch::gated(f, x.narrow(-1, 0, width), x.narrow(-1, width, width)));
}

}  // namespace strata::torch
