#include <ATen/ops/cross_entropy_loss.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/train/drops.hpp"
#include "tests/sdk/torch/train/products_family.hpp"
#include "torch/ops/adapted.hpp"
#include "torch/pch.hpp"
#include "torch/train/products.hpp"

namespace strata::torch {

namespace {

using test::AdaptableFamily, test::row_of, test::Rows, test::settings, test::some_rows,
    test::Taught;

constexpr double p = 0.4;

bool may_drop(const adapter::Module& module) { return !module.parameter && !module.router; }

// An embedding, a linear layer and a head.
struct Chain {
  static constexpr int64_t V = test::Small::V, D = 8;
  explicit Chain(const strata::Config&) {}
  void declare(strata::Declarer& d) const {
    d.embedding().weight("embed.weight", {V, D});
    d.unit("a.").weight("linear.weight", {D, D});
    d.head().weight("head.weight", {V, D});
  }
  strata::Tensor forward(const strata::Ops& op, int64_t unit, const strata::Tensor& x) const {
    if (unit == 0) return op.embedding(x, "embed");
    return unit == 1 ? op.linear(x, "linear") : op.linear(x, "head");
  }
};

// Gradients by autograd over the chain in float64, with masks from the draws themselves.
std::map<std::string, at::Tensor> by_autograd(test::Weights w, const Rows& rows,
                                              const train::StepSettings& step,
                                              const train::Products& products) {
  const c10::AutoGradMode recorded(true);
  std::vector<uint64_t> numbers;
  std::vector<int64_t> positions, targets;
  std::vector<int32_t> ids;
  std::vector<float> weights;
  for (std::size_t r = 0; r < rows.ids.size(); ++r) {
    for (std::size_t t = 0; t < rows.ids[r].size(); ++t)
      numbers.push_back(rows.numbers[r]), positions.push_back(static_cast<int64_t>(t));
    ids.insert(ids.end(), rows.ids[r].begin(), rows.ids[r].end());
    targets.insert(targets.end(), rows.targets[r].begin(), rows.targets[r].end());
    weights.insert(weights.end(), rows.weights[r].begin(), rows.weights[r].end());
  }
  Draws draws;
  draws.begin(step.seed, step.step, numbers, positions);
  auto x = w.at("embed.weight").index_select(0, at::tensor(ids, at::kInt).to(at::kLong));
  std::map<std::string, at::Tensor> leaves;
  for (uint32_t i = 0; i < products.all.size(); ++i) {
    const auto& one = products.all[i];
    const auto &a = leaves[one.module.name + ".A"] =
                   w.at(one.module.name + ".A").requires_grad_(true),
               &b = leaves[one.module.name + ".B"] =
                   w.at(one.module.name + ".B").requires_grad_(true);
    LowRank number;
    number.number = i;
    const auto kept = draws.kept(product_source(i + 1, number), p, Chain::D, at::kCPU);
    const auto dropped = x.mul(kept).div(1 - p);
    x = at::linear(x, w.at(one.module.name + ".weight"))
            .add(at::linear(at::linear(dropped, a[0]), b[0]).mul(one.scale));
  }
  const auto entropy =
      at::cross_entropy_loss(x, at::tensor(targets, at::kLong), {}, 0, -100, step.label_smoothing);
  entropy.mul(at::tensor(weights, at::kFloat).to(at::kDouble)).sum().mul(step.scale).backward();
  std::map<std::string, at::Tensor> out;
  for (const auto& [name, leaf] : leaves) out[name] = leaf.grad();
  return out;
}

}  // namespace

TEST_CASE("products drop elements of their own x and scale the others",
          "[torch][train][lora][dropout]") {
  const Opened<Chain> family;
  const auto products = test::some_products(
      *family, false, [](const adapter::Module& module) { return module.name != "embed"; }, p);
  REQUIRE(products.all.size() == 2);
  const auto frozen = [](const zero::Unit&) { return true; };
  Taught taught(*family, family->host(), {.loss_rows = 3, .products = products, .frozen = frozen});
  const auto rows = some_rows({6, 3, 8});
  taught.step({rows}, settings());
  for (const auto& [name, gradient] : by_autograd(taught.weights(), rows, settings(), products)) {
    CAPTURE(name);
    CHECK(test::apart(taught.gradients().at(name), gradient) < 1e-5);
  }
}

TEST_CASE("what products drop depends neither on packing nor on accumulation",
          "[torch][train][lora][dropout]") {
  const AdaptableFamily family;
  auto taught = family.taught({.products = family.products(may_drop, p)});
  const auto all = some_rows({6, 3, 8});
  const auto packed_loss = taught.step({all}, settings());
  const auto packed = taught.gradients();
  const auto loss = taught.step({row_of(all, 2), row_of(all, 0), row_of(all, 1)}, settings());
  CHECK(loss.tokens == Approx(packed_loss.tokens).epsilon(1e-6));
  for (const auto& [name, gradient] : taught.gradients()) {
    CAPTURE(name);
    CHECK(test::apart(packed.at(name), gradient) < 1e-5);
  }
}

TEST_CASE("seed, step and row change what products drop, and validation drops nothing",
          "[torch][train][lora][dropout]") {
  const AdaptableFamily family;
  auto taught = family.taught({.products = family.products(may_drop, p)}),
       dry = family.taught({.products = family.products(may_drop)});
  test::check_drops(taught, dry);
}

TEST_CASE("a unit that is run again drops what its products dropped",
          "[torch][train][lora][dropout]") {
  const AdaptableFamily family;
  auto taught = family.taught({.products = family.products(may_drop, p)});
  const auto rows = some_rows({6, 8});
  taught.step({rows}, settings());
  // The loss's slope along a direction, by differences and by the gradient.
  for (const auto& name : {"a.q.A", "b.twice.B", "c.shared.A", "head.B"}) {
    CAPTURE(name);
    const auto value = taught.weights().at(name), gradient = taught.gradients().at(name);
    const auto direction = gradient.div(gradient.abs().max());
    constexpr double step = 5e-4;
    const auto loss_at = [&](double by) {
      taught.set(name, value.add(direction.mul(by)));
      return taught.score(rows, settings()).tokens;
    };
    const auto slope = (loss_at(step) - loss_at(-step)) / (2 * step);
    taught.set(name, value);
    CHECK(slope == Approx(gradient.mul(direction).sum().item<double>()).epsilon(0.05));
  }
}

TEST_CASE("the model's own dropout is the same with products and without",
          "[torch][train][lora][dropout]") {
  const AdaptableFamily family(false, R"(, "dropout": 0.3, "attention_dropout": 0.4)");
  auto with = family.taught({.products = family.products(may_drop, p)});
  auto without = family.taught({});
  for (const auto& [name, value] : with.weights()) {
    if (name.ends_with(".B")) with.set(name, at::zeros_like(value));
    without.set(name, value);
  }
  const auto rows = some_rows({6, 3, 8});
  CHECK(with.step({rows}, settings()).tokens == without.step({rows}, settings()).tokens);
}

TEST_CASE("a product of a parameter refuses dropout", "[torch][train][lora][dropout]") {
  const AdaptableFamily family;
  for (const auto* name : {"c.router", "c.experts.down_proj"})
    REQUIRE_THROWS_WITH(TrainedProducts(family.products(test::named(name), p)),
                        Catch::Contains(name));
  REQUIRE_THROWS_AS(TrainedProducts(family.products(test::named("a.q"), 1)), Error);
  REQUIRE_NOTHROW(TrainedProducts(family.products(test::named("c.router"))));
}

}  // namespace strata::torch
