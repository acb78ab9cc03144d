#include <cmath>

#include "torch/ops/arithmetic.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/parts.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

at::Tensor affine_weight(const at::Tensor& weight, double offset) {
  return offset == 0 ? weight : at::add(weight, offset);
}

// Computes RMS norm in one pass over each row.
at::Tensor rms_norm_by_rows(const at::Tensor& x, const at::Tensor& weight, double eps) {
  constexpr int64_t lanes = 8;  // sums side by side: a single one would wait for its last addition
  auto y = at::empty(x.sizes(), x.options());
  const auto width = x.size(-1);
  const auto* w = weight.defined() ? weight.const_data_ptr<float>() : nullptr;
  const auto* from = x.const_data_ptr<float>();
  auto* to = y.data_ptr<float>();
  in_parts(width ? x.numel() / width : 0, 2 * width, [&](int64_t first, int64_t last) {
    for (auto row = first; row < last; ++row) {
      const auto* in = from + row * width;
      auto* out = to + row * width;
      float sums[lanes] = {};
      int64_t i = 0;
      for (; i + lanes <= width; i += lanes)
        for (int64_t lane = 0; lane < lanes; ++lane) sums[lane] += in[i + lane] * in[i + lane];
      for (; i < width; ++i) sums[0] += in[i] * in[i];
      float sum = 0;
      for (const auto part : sums) sum += part;
      const auto mean = sum / static_cast<float>(width);
      const auto scale = 1 / std::sqrt(mean + static_cast<float>(eps));
      for (i = 0; i < width; ++i) out[i] = in[i] * scale * (w ? w[i] : 1);
    }
  });
  return y;
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, double offset) {
  const bool plain = !weight.defined() || (offset == 0 && weight.is_contiguous());
  if (plain && inference_loops(x) && x.is_contiguous()) return rms_norm_by_rows(x, weight, eps);
  const auto wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  const auto scale = at::rsqrt(wide.mul(wide).mean(-1, true).add(eps));
  auto y = wide.mul(scale).to(x.scalar_type());
  return weight.defined() ? y.mul(affine_weight(weight, offset)) : y;
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps, double offset) {
  std::optional<at::Tensor> w, b;
  if (weight.defined()) w = affine_weight(weight, offset);
  if (bias.defined()) b = bias;
  return at::layer_norm(x, {x.size(-1)}, w, b, eps);
}

void arithmetic::norm(UnitCall& on, const Args& args, Results out) {
  const auto& [op, tensor] = args.of<&strata_ops::norm>();
  const auto& x = value_of(*tensor);
  const auto& weight = on.weight_or_none(op->weight);
  out[0] = handle(op->kind == STRATA_RMS_NORM
                      ? rms_norm(x, weight, op->eps, op->offset)
                      : layer_norm(x, weight, on.weight_or_none(op->bias), op->eps, op->offset));
}

}  // namespace strata::torch
