#include "torch/routers.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/reference.hpp"
#include "tests/sdk/torch/train/small_family.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

using test::Rows, test::settings, test::Small, test::SmallFamily, test::some_rows;

// The router loss of rows by autograd, with coefficient 1: [Note: router loss] written out.
at::Tensor router_loss(const test::Weights& weights, const Rows& rows) {
  std::vector<at::Tensor> logits;
  for (const auto& ids : rows.ids)
    logits.push_back(
        test::small_reference(weights, at::tensor(ids, at::kInt).to(at::kLong)).router);
  const auto p = at::softmax(at::cat(logits), -1);
  const auto chosen = std::get<1>(p.topk(Small::k, -1));
  const auto counts = at::zeros_like(p).scatter(1, chosen, 1).mean(0);
  return counts.mul(p.mean(0)).sum().mul(double{Small::X});
}

}  // namespace

TEST_CASE("the router loss and its gradient are those of transformers", "[torch][train][moe]") {
  const auto& reference = test::reference().at("routers");
  Routers routers;
  routers.begin(1);
  std::vector<at::Tensor> logits;
  for (const auto& layer : reference.at("logits"))
    logits.push_back(
        at::tensor(layer.get<std::vector<double>>(), at::kDouble).view({9, 5}).requires_grad_());
  std::vector<at::Tensor> probabilities;
  const c10::AutoGradMode recorded(true);
  for (const auto& layer : logits) {
    probabilities.push_back(at::softmax(layer, -1));
    const auto seen = probabilities.back().detach();
    routers.add(seen, std::get<1>(seen.topk(2, -1)));
  }
  // transformers sums in float32.
  CHECK(routers.loss().item<double>() == Approx(reference.at("loss").get<double>()).epsilon(1e-6));
  for (std::size_t i = 0; i < logits.size(); ++i) {
    probabilities[i].backward(routers.gradient().expand({9, 5}));
    const auto expected =
        at::tensor(reference.at("gradients").at(i).get<std::vector<double>>(), at::kDouble);
    CHECK(test::apart(logits[i].grad(), expected.view({9, 5})) < 1e-6);
  }
}

TEST_CASE("layers with different numbers of experts share no router loss", "[torch][train][moe]") {
  Routers routers;
  routers.begin(1);
  routers.add(at::ones({2, 4}, at::kDouble), at::zeros({2, 1}, at::kLong));
  REQUIRE_THROWS_AS(routers.add(at::ones({2, 3}, at::kDouble), at::zeros({2, 1}, at::kLong)),
                    Error);
}

TEST_CASE("the router loss enters every gradient before the router", "[torch][train][moe]") {
  const SmallFamily family;
  auto with = family.taught({.router_coefficient = 0.7});
  auto without = family.taught();
  for (const auto& [name, value] : with.weights()) without.set(name, value);
  const auto rows = some_rows({9, 4, 7});
  auto step = settings();
  step.router_share = 0.5;
  const auto loss = with.step({rows}, step);
  without.step({rows}, step);

  const c10::AutoGradMode recorded(true);
  auto weights = with.weights();
  for (auto& [name, value] : weights) value.requires_grad_(true);
  const auto expected = router_loss(weights, rows).mul(0.7 * 0.5);
  expected.backward();
  CHECK(loss.routers == Approx(expected.item<double>()).epsilon(1e-13));
  for (const auto& [name, gradient] : with.gradients()) {
    CAPTURE(name);
    auto sum = without.gradients().at(name);
    if (weights.at(name).grad().defined()) sum = sum.add(weights.at(name).grad());
    CHECK(test::apart(gradient, sum) < 1e-12);
  }
}

}  // namespace strata::torch
