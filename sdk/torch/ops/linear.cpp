#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!bias.defined()) return at::linear(x, weight);
  return at::linear(x, weight, bias);
}

void columns(const at::Tensor& y, std::span<const int64_t> widths, std::span<at::Tensor> out) {
  int64_t first = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    out[i] = y.narrow(-1, first, widths[i]);
    first += widths[i];
  }
}

}  // namespace strata::torch
