#include "torch/ops/input_squares.hpp"

#include "torch/pch.hpp"

namespace strata::torch {

void add_squares(run::InputSquares& sums, const std::string& weight, const at::Tensor& x) {
  const auto squares = x.to(at::kFloat).square().sum(0).to(at::kCPU).contiguous();
  sums.add(weight, {squares.const_data_ptr<float>(), static_cast<std::size_t>(squares.numel())});
}

}  // namespace strata::torch
