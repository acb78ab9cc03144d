// A linear product whose backward adds to the gradients of a unit directly.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/core.h>

#include "torch/gradients.hpp"

namespace strata::torch {

// The weights of a product by their indices in the unit: neighbors in memory, with neighbors as
// their biases.
struct ProductPlace {
  Gradients* gradients;            // outlives the backward; null: the weights are frozen
  uint32_t weight, bias, members;  // bias STRATA_NONE: none
};

// As linear. The backward gives the gradient of x to autograd, but adds those of weight and bias to
// their places: autograd would make a tensor of each, and sum and copy it. Weight and bias are
// there in the backward, and x is not changed before it.
at::Tensor recorded_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           const ProductPlace& place);

}  // namespace strata::torch
