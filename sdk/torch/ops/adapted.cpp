#include "torch/ops/adapted.hpp"

#include "core/error.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/recorded_product.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// Whether the backward of a sum is the one of recorded_product.hpp, so that autograd records
// nothing of it.
bool by_hand(const LowRank& one) { return one.is_trained() && c10::GradMode::is_enabled(); }

at::Tensor sum(const at::Tensor& y, const at::Tensor& x, const LowRank& one,
               const Dropped& dropped = {}) {
  const bool recorded = by_hand(one);
  const auto& device = x.device();
  at::Tensor inner, made;
  {
    const c10::AutoGradMode mode(c10::GradMode::is_enabled() && !recorded);
    inner = linear(dropped.of(x.to(one.a.scalar_type())), one.a.to(device), at::Tensor());
    made = y.add(linear(inner, one.b.to(device), at::Tensor()).mul(one.scale)).to(y.scalar_type());
  }
  return recorded ? recorded_product(std::move(made), y, x, one, dropped, inner) : made;
}

Dropped drawn(const UnitCall& on, const at::Tensor& x, const LowRank& one) {
  if (one.dropout <= 0 || !on.drops()) return {};
  if (x.size(0) != on.tokens)
    throw Error("dropout", "the x of a product has no row for each token", "set it to 0");
  const auto& draws = on.shared.training->draws;
  return {draws.kept(product_source(on.unit, one), one.dropout, x.size(1), x.device()),
          one.dropout};
}

// The product of some of its rows.
LowRank rows_of(const LowRank& whole, int64_t first, int64_t count) {
  auto rows = whole;
  rows.b = whole.b.narrow(0, first, count);
  if (whole.is_trained()) rows.b_sum = whole.b_sum.narrow(0, first, count);
  return rows;
}

}  // namespace

Draws::Source product_source(uint32_t unit, const LowRank& product) {
  constexpr uint64_t behind_all_ops = uint64_t{1} << 32;
  return {unit, behind_all_ops + product.number};
}

at::Tensor adapted(at::Tensor y, const at::Tensor& x, const UnitCall& on, uint32_t index) {
  const auto& adapters = on.shared.adapters;
  if (!on.weights.of_head(index)) {
    const auto* one = adapters.of(on.weights.name(index));
    return one ? sum(y, x, *one, drawn(on, x, *one)) : y;
  }
  const auto* one = adapters.head();
  if (!one) return y;
  return sum(y, x, rows_of(*one, on.weights.first_row(), y.size(-1)), drawn(on, x, *one));
}

at::Tensor adapted(at::Tensor y, const at::Tensor& x, const Adapters& adapters,
                   const std::string& weight) {
  const auto* one = adapters.of(weight);
  return one ? sum(y, x, *one) : y;
}

at::Tensor adapted_rows(const at::Tensor& rows, const at::Tensor& ids, const Adapters& adapters) {
  const auto* one = adapters.table();
  if (!one) return rows;
  const bool recorded = by_hand(*one);
  at::Tensor of_ids, made;
  {
    const c10::AutoGradMode mode(c10::GradMode::is_enabled() && !recorded);
    of_ids = one->a.index_select(1, ids).t().contiguous();
    made = rows.add(linear(of_ids, one->b, at::Tensor()).mul(one->scale)).to(rows.scalar_type());
  }
  return recorded ? recorded_rows(std::move(made), rows, ids, *one, of_ids) : made;
}

at::Tensor adapted_weight(const at::Tensor& weight, const Adapters& adapters,
                          const std::string& name) {
  const auto* one = adapters.of(name);
  if (!one) return weight;
  const bool recorded = by_hand(*one);
  at::Tensor made;
  {
    const c10::AutoGradMode mode(c10::GradMode::is_enabled() && !recorded);
    const auto product = at::matmul(one->b, one->a).mul(one->scale);
    made = weight.add(product.to(weight.device())).to(weight.scalar_type());
  }
  return recorded ? recorded_weight(std::move(made), weight, *one) : made;
}

}  // namespace strata::torch
