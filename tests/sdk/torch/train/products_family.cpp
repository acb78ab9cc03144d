#include "tests/sdk/torch/train/products_family.hpp"

#include <ATen/ops/cross_entropy_loss.h>

#include "torch/pch.hpp"

namespace strata::torch::test {

train::Products some_products(const plugin::Family& family, bool tied, const Wanted& wanted,
                              double dropout) {
  const adapter::Modules modules(family.units(), tied);
  train::Products products;
  products.dropout = dropout;
  for (const auto& module : modules.all()) {
    if (module.name == "positions" || !wanted(module)) continue;
    const auto a = static_cast<uint32_t>(2 * products.all.size());
    products.all.push_back({module, 3, 0.7, a, a + 1});
  }
  return products;
}

void tie(Taught& taught) {
  for (const auto& [name, value] : taught.weights()) taught.set(name, value);
}

namespace {

Weights merged(const Weights& all, const train::Products& products) {
  auto out = all;
  if (!out.contains("head.weight")) out["head.weight"] = all.at("embed.weight");
  for (const auto& one : products.all) {
    const auto &a = all.at(one.module.name + ".A"), &b = all.at(one.module.name + ".B");
    for (const auto& use : one.module.uses) {
      const auto expert = static_cast<int64_t>(use.expert);
      const auto rows = at::arange(use.first, use.first + use.count * use.step, use.step,
                                   at::TensorOptions().dtype(at::kLong));
      auto product =
          at::matmul(b.select(0, expert).index_select(0, rows), a.select(0, expert)).mul(one.scale);
      if (one.module.kind == adapter::Kind::table) product = product.t();
      const bool head = one.module.kind == adapter::Kind::head;
      out[head ? "head.weight" : use.weight] = all.at(use.weight).add(product);
    }
  }
  return out;
}

}  // namespace

MergedResult by_merging(Weights weights, const train::Products& products,
                        const std::vector<Rows>& batches, const train::StepSettings& step) {
  const c10::AutoGradMode recorded(true);
  Weights leaves;
  for (const auto& one : products.all)
    for (const auto* end : {".A", ".B"}) {
      const auto name = one.module.name + end;
      leaves[name] = weights.at(name).requires_grad_(true);
    }
  const auto model = merged(weights, products);
  auto sum = at::zeros({}, at::kDouble);
  for (const auto& rows : batches)
    for (std::size_t r = 0; r < rows.ids.size(); ++r) {
      const auto ids = at::tensor(rows.ids[r], at::kInt).to(at::kLong);
      const auto entropy = at::cross_entropy_loss(small_reference(model, ids).logits,
                                                  at::tensor(rows.targets[r], at::kLong), {}, 0,
                                                  -100, step.label_smoothing);
      sum = sum.add(entropy.mul(at::tensor(rows.weights[r], at::kDouble)).sum());
    }
  sum.mul(step.scale).backward();
  MergedResult out;
  out.loss = sum.item<double>() * step.scale;
  for (const auto& [name, leaf] : leaves)
    out.gradients[name] = leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
  return out;
}

}  // namespace strata::torch::test
