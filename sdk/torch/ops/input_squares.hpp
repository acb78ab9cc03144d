// Notes the size of what a product takes.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "core/run/input_squares.hpp"

namespace strata::torch {

// Adds the squares of x [n,in], the input of the product with the weight of that name, to its sums.
// Squares are computed in float32. It waits for x's device.
void add_squares(run::InputSquares& sums, const std::string& weight, const at::Tensor& x);

}  // namespace strata::torch
