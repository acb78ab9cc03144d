// Products of rows with several weights in their codec's form at once.
#pragma once
#include <ATen/core/Tensor.h>

#include <span>

#include "torch/coded_weight.hpp"

namespace strata::torch {

// Whether the plugin of the weight's scheme computes one product of so many rows in all, of the
// dtype and device of `like`, with several weights of that shape, straight from their parts.
bool can_group(const CodedWeight& weight, const at::Tensor& like, int64_t rows,
               const CodecCall& how);

// x [T,in], weights [out,in] of one scheme and shape -> [T,out]: each weight multiplies the rows
// behind those of the one before it, up to its number in `ends`, of which the last is T. Rows have
// the bits of coded_linear. It needs can_group, and is not differentiable.
at::Tensor grouped_linear(const at::Tensor& x, std::span<const CodedWeight> weights,
                          std::span<const int64_t> ends, const CodecCall& how);

}  // namespace strata::torch
