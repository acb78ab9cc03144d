#include "torch/train/trainer.hpp"

#include <ATen/ops/cross_entropy_loss.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/train/small_family.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

using test::Rows, test::settings, test::Small, test::small_reference, test::SmallFamily,
    test::some_rows, test::Taught;

constexpr strata_dtype real64{STRATA_FLOAT, 64, 1}, real32{STRATA_FLOAT, 32, 1},
    narrow{STRATA_BFLOAT, 16, 1};

struct Expected {
  double loss = 0;
  std::map<std::string, at::Tensor> gradients;
};

// Loss and gradients by autograd over the whole model, one row after the other.
Expected by_autograd(std::map<std::string, at::Tensor> weights, const std::vector<Rows>& batches,
                     const train::StepSettings& step, bool sigmoid = false) {
  const c10::AutoGradMode recorded(true);
  for (auto& [name, value] : weights) value.requires_grad_(true);
  auto sum = at::zeros({}, at::kDouble);
  for (const auto& rows : batches)
    for (std::size_t r = 0; r < rows.ids.size(); ++r) {
      const auto ids = at::tensor(rows.ids[r], at::kInt).to(at::kLong);
      const auto logits = small_reference(weights, ids, sigmoid).logits;
      const auto entropy = at::cross_entropy_loss(logits, at::tensor(rows.targets[r], at::kLong),
                                                  {}, 0, -100, step.label_smoothing);
      sum = sum.add(entropy.mul(at::tensor(rows.weights[r], at::kDouble)).sum());
    }
  sum.mul(step.scale).backward();
  Expected out;
  out.loss = sum.item<double>() * step.scale;
  for (const auto& [name, value] : weights)
    out.gradients[name] = value.grad().defined() ? value.grad() : at::zeros_like(value);
  return out;
}

void check_gradients(const Taught& taught, const Expected& expected, double bound) {
  for (const auto& [name, gradient] : expected.gradients) {
    CAPTURE(name);
    const auto found = taught.gradients().find(name);
    // An expert that no token chose is not taken.
    if (found == taught.gradients().end())
      CHECK(gradient.abs().max().item<double>() == 0);
    else
      CHECK(test::apart(found->second, gradient) < bound);
  }
}

}  // namespace

TEST_CASE("losses and all gradients are autograd's over the whole model", "[torch][train]") {
  const SmallFamily family;
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  const bool rows = GENERATE(false, true);
  auto taught = family.taught({.attention = attention, .rows = rows});
  const std::vector<Rows> batches{some_rows({9, 4, 7}), some_rows({1, 5}, 3)};
  const auto loss = taught.step(batches, settings());
  const auto expected = by_autograd(taught.weights(), batches, settings());
  CHECK(loss.tokens == Approx(expected.loss).epsilon(1e-13));
  CHECK(loss.routers == 0);
  check_gradients(taught, expected, 1e-12);
  CHECK(taught.gradients().at("b.unused.weight").abs().max().item<double>() == 0);
  CHECK(taught.all_written());
}

TEST_CASE("experts that a sigmoid weighs have autograd's gradients", "[torch][train][moe]") {
  const SmallFamily family(R"(, "sigmoid": true)");
  auto taught = family.taught();
  const std::vector<Rows> batches{some_rows({9, 4, 7})};
  taught.step(batches, settings());
  check_gradients(taught, by_autograd(taught.weights(), batches, settings(), true), 1e-12);
}

TEST_CASE("a row has the same gradients in any packing", "[torch][train]") {
  const SmallFamily family;
  auto taught = family.taught({.attention = GENERATE(as<std::string>(), "eager", "sdpa")});
  const auto all = some_rows({6, 3, 8});
  taught.step({all}, settings());
  const auto packed = taught.gradients();
  std::vector<Rows> apart;
  for (std::size_t r : {2, 0, 1})
    apart.push_back({{all.ids[r]}, {all.numbers[r]}, {all.targets[r]}, {all.weights[r]}});
  taught.step(apart, settings());
  for (const auto& [name, gradient] : taught.gradients()) {
    CAPTURE(name);
    CHECK(test::apart(packed.at(name), gradient) < 1e-12);
  }
}

TEST_CASE("the head gives the same for any number of rows at a time", "[torch][train]") {
  const SmallFamily family;
  auto at_once = family.taught();
  auto by_three = family.taught({.loss_rows = 3});
  for (const auto& [name, value] : at_once.weights()) by_three.set(name, value);
  const auto rows = some_rows({9, 5});
  const auto whole = at_once.step({rows}, settings()), parts = by_three.step({rows}, settings());
  CHECK(parts.tokens == Approx(whole.tokens).epsilon(1e-14));
  for (const auto& [name, gradient] : at_once.gradients()) {
    CAPTURE(name);
    CHECK(test::apart(by_three.gradients().at(name), gradient) < 1e-12);
  }
}

TEST_CASE("validation has the loss of training", "[torch][train]") {
  const SmallFamily family;
  auto taught = family.taught();
  const auto rows = some_rows({9, 5});
  CHECK(taught.score(rows, settings()).tokens ==
        Approx(taught.step({rows}, settings()).tokens).epsilon(1e-14));
}

TEST_CASE("a micro-batch without scored tokens has no loss and zero gradients", "[torch][train]") {
  const SmallFamily family;
  auto taught = family.taught();
  auto rows = some_rows({4});
  rows.targets[0].assign(4, -100);
  CHECK(taught.step({rows}, settings()).tokens == 0);
  for (const auto& [name, gradient] : taught.gradients())
    CHECK(gradient.abs().max().item<double>() == 0);
  CHECK(taught.all_written());
}

TEST_CASE("frozen units pass gradients on and get none", "[torch][train]") {
  const SmallFamily family;
  auto taught = family.taught(
      {.frozen = [](const zero::Unit& unit) { return unit.kind != STRATA_UNIT_EMBEDDING; }});
  const std::vector<Rows> batches{some_rows({9, 4})};
  taught.step(batches, settings());
  CHECK(taught.gradients().size() == 2);
  const auto expected = by_autograd(taught.weights(), batches, settings());
  for (const auto& [name, gradient] : taught.gradients())
    CHECK(test::apart(gradient, expected.gradients.at(name)) < 1e-12);
}

TEST_CASE("gradients are scaled against underflow, and the loss is not", "[torch][train]") {
  const SmallFamily family;
  auto taught = family.taught();
  const auto rows = some_rows({5});
  const auto plain = taught.step({rows}, settings());
  const auto before = taught.gradients();
  auto scaled = settings();
  scaled.loss_scale = 1024;
  CHECK(taught.step({rows}, scaled).tokens == plain.tokens);
  for (const auto& [name, gradient] : taught.gradients())
    CHECK(test::apart(gradient, before.at(name).mul(1024)) < 1e-12);
}

TEST_CASE("bfloat16 weights have gradients in the dtype of reduction", "[torch][train]") {
  const SmallFamily family;
  const auto reduce = GENERATE(real32, narrow);
  auto taught = family.taught({.dtype = narrow, .reduce = reduce, .loss_rows = 4});
  auto wide = family.taught({.dtype = real64, .reduce = real64});
  for (const auto& [name, value] : taught.weights()) wide.set(name, value);
  const std::vector<Rows> batches{some_rows({9, 4, 7})};
  taught.step(batches, settings());
  wide.step(batches, settings());
  CHECK(taught.all_written());
  for (const auto& name : {"head.weight", "b.down.weight", "a.q.weight", "a.o.bias"}) {
    CAPTURE(name);
    CHECK(test::apart(taught.gradients().at(name), wide.gradients().at(name)) < 0.1);
  }
}

TEST_CASE("a product's gradient of bfloat16 operands is not rounded to bfloat16",
          "[torch][train]") {
  const SmallFamily family;
  auto taught = family.taught({.dtype = narrow, .reduce = real32});
  taught.step({some_rows({9, 4, 7})}, settings());
  const auto gradient = taught.gradients().at("head.weight");
  CHECK_FALSE(gradient.equal(gradient.to(at::kBFloat16).to(at::kDouble)));
}

TEST_CASE("what cannot be trained is refused", "[torch][train]") {
  const SmallFamily family;
  auto taught = family.taught();
  auto rows = some_rows({4});
  rows.targets[0][0] = Small::V;
  REQUIRE_THROWS_WITH(taught.step({rows}, settings()), Catch::Contains("to predict 23 of 23"));
  rows.targets[0].pop_back();
  REQUIRE_THROWS_AS(taught.step({rows}, settings()), Error);
}

}  // namespace strata::torch
