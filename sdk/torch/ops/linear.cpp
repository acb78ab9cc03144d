#include "torch/ops/few_tokens.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/parts.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto tokens = x.size(0), in = x.size(1), out = weight.size(0);
  auto y = at::empty({tokens, out}, x.options());
  const auto dense = x.contiguous();
  const FewTokens p{dense.const_data_ptr<float>(),
                    weight.const_data_ptr<float>(),
                    bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                    y.data_ptr<float>(),
                    tokens,
                    in,
                    out};
  in_parts(out, tokens * in,
           [&](int64_t first, int64_t last) { few_tokens_product(p, first, last); });
  return y;
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool alike = !bias.defined() || bias.is_contiguous();
  if (plain_loops(x) && x.dim() == 2 && x.size(0) <= few_tokens && weight.is_contiguous() && alike)
    return product(x, weight, bias);
  if (!bias.defined()) return at::linear(x, weight);
  return at::linear(x, weight, bias);
}

}  // namespace strata::torch
