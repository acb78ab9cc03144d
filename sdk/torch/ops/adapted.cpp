#include "torch/ops/adapted.hpp"

#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

at::Tensor sum(const at::Tensor& y, const at::Tensor& x, const LowRank& one, const at::Tensor& b) {
  const auto& device = x.device();
  const auto inner = linear(x.to(one.a.scalar_type()), one.a.to(device), at::Tensor());
  return y.add(linear(inner, b.to(device), at::Tensor()).mul(one.scale)).to(y.scalar_type());
}

}  // namespace

at::Tensor adapted(at::Tensor y, const at::Tensor& x, const Adapters& adapters,
                   const UnitWeights& weights, uint32_t index) {
  if (!weights.of_head(index)) return adapted(std::move(y), x, adapters, weights.name(index));
  const auto* one = adapters.head();
  if (!one) return y;
  return sum(y, x, *one, one->b.narrow(0, weights.first_row(), y.size(-1)));
}

at::Tensor adapted(at::Tensor y, const at::Tensor& x, const Adapters& adapters,
                   const std::string& weight) {
  const auto* one = adapters.of(weight);
  return one ? sum(y, x, *one, one->b) : y;
}

at::Tensor adapted_rows(const at::Tensor& rows, const at::Tensor& ids, const Adapters& adapters) {
  const auto* one = adapters.table();
  if (!one) return rows;
  const auto of_ids = one->a.index_select(1, ids).t().contiguous();
  return rows.add(linear(of_ids, one->b, at::Tensor()).mul(one->scale)).to(rows.scalar_type());
}

at::Tensor adapted_weight(const at::Tensor& weight, const Adapters& adapters,
                          const std::string& name) {
  const auto* one = adapters.of(name);
  if (!one) return weight;
  const auto product = at::matmul(one->b, one->a).mul(one->scale);
  return weight.add(product.to(weight.device())).to(weight.scalar_type());
}

}  // namespace strata::torch
