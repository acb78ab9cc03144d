// The ops without state, over LibTorch's tensors of any device and float dtype. They are
// differentiable where gradients are recorded. The shape functions have checked the arguments.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include <span>

namespace strata::torch {

// x [T,in], weight [out,in], bias [out] or undefined -> [T,out]
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// The same with a backward of autograd's; in training it has the same bits where nothing is
// recorded.
at::Tensor differentiable_linear(const at::Tensor& x, const at::Tensor& weight,
                                 const at::Tensor& bias);

// Normalize the last dimension; weight and bias may be undefined. RMS norm computes in float32 and
// returns to x's dtype before it multiplies by the weight, as transformers does.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, double offset);
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps, double offset);

at::Tensor activation(int32_t f, const at::Tensor& x);  // STRATA_RELU, ...
at::Tensor gated(int32_t f, const at::Tensor& gate, const at::Tensor& up);
// b is undefined except for STRATA_ADD and STRATA_MUL.
at::Tensor elementwise(int32_t op, const at::Tensor& a, const at::Tensor& b, double value);

// `out` has one tensor for STRATA_SINGLE and STRATA_MERGED, q, k and v for the others. An h or e of
// 0 for a single follows from the width; a k of 0 is h.
void heads(int32_t layout, int64_t h, int64_t k, int64_t e, const at::Tensor& x,
           std::span<at::Tensor> out);

}  // namespace strata::torch
