// The ops without state, over LibTorch's tensors of any device and float dtype. Differentiable
// where gradients are recorded. Arguments were checked by the shape functions.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include <span>

namespace strata::torch {

// x [T,in], weight [out,in], bias [out] or undefined -> [T,out]
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// Over the last dimension; weight and bias may be undefined. RMS norm computes in float32 and
// returns to x's dtype before the weight multiplies, as transformers does.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, double offset);
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps, double offset);

at::Tensor activation(int32_t f, const at::Tensor& x);  // STRATA_RELU, ...
at::Tensor gated(int32_t f, const at::Tensor& gate, const at::Tensor& up);
// b is undefined but for STRATA_ADD and STRATA_MUL.
at::Tensor elementwise(int32_t op, const at::Tensor& a, const at::Tensor& b, double value);

// out: one tensor for STRATA_SINGLE and STRATA_MERGED; q, k, v for the others. 0 for h or e of a
// single: as the width says; for k: as h.
void heads(int32_t layout, int64_t h, int64_t k, int64_t e, const at::Tensor& x,
           std::span<at::Tensor> out);

// The same mask for the same seed.
at::Tensor dropout(const at::Tensor& x, double p, uint64_t seed);

}  // namespace strata::torch
