// Kept graphs against reruns: the same losses and gradients, bit for bit, though the weights are in
// other places in the backward.
#include "torch/train/graphs.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/torch/tiny_model.hpp"
#include "tests/sdk/torch/train/products_family.hpp"
#include "torch/pch.hpp"
#include "torch/train/trainer.hpp"

namespace strata::torch {

namespace {

using test::AdaptableFamily, test::Rows, test::settings, test::SmallFamily, test::some_rows,
    test::Taught, test::TaughtOptions;

constexpr strata_dtype real64{STRATA_FLOAT, 64, 1}, real32{STRATA_FLOAT, 32, 1},
    narrow{STRATA_BFLOAT, 16, 1};
const char* const with_dropout = R"(, "dropout": 0.3, "attention_dropout": 0.4)";

// Trains a step with reruns and with graphs, and compares them.
void check_same(const std::function<Taught(TaughtOptions)>& make, TaughtOptions options,
                const std::vector<Rows>& batches) {
  CAPTURE(options.attention, int{options.dtype.bits});
  auto again = make(options);
  options.graphs = true;
  auto kept = make(options);
  // Both get them: a tied matrix begins with other values in each of its units.
  for (const auto& [name, value] : again.weights()) {
    again.set(name, value);
    kept.set(name, value);
  }
  const auto expected = again.step(batches, settings()), loss = kept.step(batches, settings());
  CHECK(loss.tokens == expected.tokens);
  CHECK(loss.routers == expected.routers);
  CHECK(kept.all_written());
  REQUIRE(kept.gradients().size() == again.gradients().size());
  for (const auto& [name, gradient] : again.gradients()) {
    CAPTURE(name);
    CHECK(kept.gradients().at(name).equal(gradient));
  }
}

}  // namespace

TEST_CASE("kept graphs have the gradients of reruns", "[torch][train][graphs]") {
  const SmallFamily family(GENERATE(as<std::string>(), "", with_dropout));
  const auto dtype = GENERATE(real64, real32, narrow);
  const bool rows = GENERATE(false, true);
  TaughtOptions options{.attention = GENERATE(as<std::string>(), "eager", "sdpa"),
                        .dtype = dtype,
                        .reduce = dtype,
                        .rows = rows,
                        .router_coefficient = 0.7};
  check_same([&](TaughtOptions o) { return family.taught(std::move(o)); }, options,
             {some_rows({9, 4, 7}), some_rows({1, 5}, 3), some_rows({16, 15, 9})});
}

TEST_CASE("kept graphs of frozen units have the gradients of reruns", "[torch][train][graphs]") {
  const SmallFamily family;
  TaughtOptions options{
      .frozen = [](const zero::Unit& unit) { return unit.kind != STRATA_UNIT_EMBEDDING; }};
  check_same([&](TaughtOptions o) { return family.taught(std::move(o)); }, options,
             {some_rows({9, 4})});
}

TEST_CASE("kept graphs of products have the gradients of reruns", "[torch][train][graphs][lora]") {
  const AdaptableFamily family(GENERATE(false, true));
  const auto dtype = GENERATE(real64, real32, narrow);
  TaughtOptions options{.dtype = dtype, .products = family.products(test::every)};
  check_same([&](TaughtOptions o) { return family.taught(std::move(o)); }, options,
             {some_rows({9, 4}), some_rows({16, 15, 9}, 2)});
}

TEST_CASE("kept graphs of llama have the gradients of reruns", "[torch][train][graphs]") {
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  const auto dtype = GENERATE(real32, narrow);
  const test::TinyModel model(attention, dtype, 0);
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 40; ++i) ids.push_back(1 + i % 7);
  const std::vector<int64_t> targets(ids.begin(), ids.end());
  check_same([&](TaughtOptions o) { return Taught(model.family(), model.host(), std::move(o)); },
             {.attention = attention, .dtype = dtype, .reduce = real32},
             {{{ids}, {0}, {targets}, {std::vector<float>(ids.size(), 1)}}});
}

TEST_CASE("a validation between steps leaves no graph", "[torch][train][graphs]") {
  const SmallFamily family;
  auto taught = family.taught({.graphs = true});
  const auto rows = some_rows({9, 5});
  const auto loss = taught.step({rows}, settings()).tokens;
  CHECK(taught.score(rows, settings()).tokens == Approx(loss).epsilon(1e-14));
  CHECK(taught.step({rows}, settings()).tokens == loss);
}

TEST_CASE("a unit whose run was not recorded has no backward", "[torch][train][graphs]") {
  zero::Unit unit;
  unit.name = "layers.0";
  Graphs graphs;
  REQUIRE_THROWS_WITH(graphs.take(unit), Catch::Contains("layers.0"));
  graphs.keep(unit, std::make_unique<Graph>(unit, train::Flat{}, at::kFloat, at::kCPU));
  CHECK_FALSE(graphs.take(unit)->is_trained());
  REQUIRE_THROWS_AS(graphs.take(unit), Error);
}

}  // namespace strata::torch
