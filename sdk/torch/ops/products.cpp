#include "torch/ops/packed.hpp"
#include "torch/ops/scale_in_place.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// Multiplies, in place in inference, with the same bits.
at::Tensor times(at::Tensor x, double factor) {
  if (factor == 1) return x;
  if (!c10::InferenceMode::is_enabled()) return x.mul(factor);
  scale_in_place(x, factor);
  return x;
}

}  // namespace

at::Tensor scores(const at::Tensor& q, const at::Tensor& k, double scale) {
  const auto s = q.size(0), n = q.size(1), h = q.size(2), kv = k.size(2);
  // The query heads that share a kv head are rows of one product, so that no key is repeated.
  const auto rows =
      q.unflatten(2, {kv, h / kv}).permute({0, 2, 3, 1, 4}).reshape({s, kv, h / kv * n, q.size(3)});
  return times(at::matmul(rows, k.permute({0, 2, 3, 1})), scale).view({s, h, n, k.size(1)});
}

at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& mask,
                          const at::Tensor& sinks) {
  const auto wide = scores.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  auto x = scores.to(wide).add(mask);
  if (!sinks.defined()) return at::softmax(x, -1).to(scores.scalar_type());
  const auto column = sinks.to(wide).view({1, -1, 1, 1}).expand({x.size(0), -1, x.size(2), 1});
  return at::softmax(at::cat({x, column}, -1), -1)
      .narrow(-1, 0, scores.size(-1))
      .to(scores.scalar_type());
}

at::Tensor weighted_sum(const at::Tensor& p, const at::Tensor& v) {
  const auto s = p.size(0), h = p.size(1), n = p.size(2), kv = v.size(2), e = v.size(3);
  const auto rows = p.reshape({s, kv, h / kv * n, p.size(3)});
  return at::matmul(rows, v.transpose(1, 2))
      .view({s, kv, h / kv, n, e})
      .permute({0, 3, 1, 2, 4})
      .reshape({s, n, h * e});
}

}  // namespace strata::torch
