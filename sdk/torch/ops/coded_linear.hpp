// Products with weights in their codec's form.
#pragma once
#include <ATen/core/Tensor.h>

#include "torch/coded_weight.hpp"

namespace strata::torch {

// x [T,in], weight [out,in], bias [out] or undefined -> [T,out]. The codec's plugin multiplies the
// parts as they lie where it can; else tiles of the weight's rows are unpacked, one after the
// other. It is not differentiable.
at::Tensor coded_linear(const at::Tensor& x, const CodedWeight& weight, const at::Tensor& bias,
                        const CodecCall& how);

}  // namespace strata::torch
