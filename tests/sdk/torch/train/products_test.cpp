#include "torch/train/products.hpp"

#include <ATen/ops/cross_entropy_loss.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/train/products_family.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

using test::AdaptableFamily, test::by_merging, test::Rows, test::settings, test::some_rows,
    test::Taught;

constexpr strata_dtype real32{STRATA_FLOAT, 32, 1}, narrow{STRATA_BFLOAT, 16, 1};
// The products compute in float32.
constexpr double bound = 1e-5;

std::vector<Rows> two_batches() { return {some_rows({9, 4, 7}), some_rows({1, 5}, 3)}; }

void check(const Taught& taught, const test::MergedResult& expected) {
  REQUIRE(taught.gradients().size() == expected.gradients.size());
  for (const auto& [name, gradient] : expected.gradients) {
    CAPTURE(name);
    CHECK(test::apart(taught.gradients().at(name), gradient) < bound);
    const bool is_zero = gradient.abs().max().item<double>() == 0;
    CHECK(is_zero == name.starts_with("b.unused"));
  }
}

// An embedding and a head alone, whose arithmetic in narrow dtypes can be written out.
struct Plain {
  static constexpr int64_t V = test::Small::V, D = 8;
  explicit Plain(const strata::Config&) {}
  void declare(strata::Declarer& d) const {
    d.embedding().weight("embed.weight", {V, D});
    d.head().weight("head.weight", {V, D});
  }
  strata::Tensor forward(const strata::Ops& op, int64_t unit, const strata::Tensor& x) const {
    return unit == 0 ? op.embedding(x, "embed") : op.linear(x, "head");
  }
};

// Autograd over the plain family in bfloat16 with a product of its head, as PEFT computes it.
std::map<std::string, at::Tensor> by_autograd(const test::Weights& w, const Rows& rows,
                                              const train::StepSettings& step, double scale) {
  const c10::AutoGradMode recorded(true);
  const auto a = w.at("head.A")[0].to(at::kFloat).requires_grad_(true),
             b = w.at("head.B")[0].to(at::kFloat).requires_grad_(true);
  const auto x = w.at("embed.weight")
                     .to(at::kBFloat16)
                     .index_select(0, at::tensor(rows.ids[0], at::kInt).to(at::kLong));
  const auto added = at::linear(at::linear(x.to(at::kFloat), a), b).mul(scale);
  const auto logits =
      at::linear(x, w.at("head.weight").to(at::kBFloat16)).add(added).to(at::kBFloat16);
  const auto entropy =
      at::cross_entropy_loss(logits.to(at::kFloat), at::tensor(rows.targets[0], at::kLong), {}, 0,
                             -100, step.label_smoothing);
  entropy.mul(at::tensor(rows.weights[0], at::kFloat)).sum().mul(step.scale).backward();
  return {{"head.A", a.grad().unsqueeze(0)}, {"head.B", b.grad().unsqueeze(0)}};
}

}  // namespace

TEST_CASE("gradients of products are autograd's over the merged model", "[torch][train][lora]") {
  const AdaptableFamily family(GENERATE(false, true));
  const auto products = family.products(test::every);
  REQUIRE(products.all.size() == 15);
  auto taught =
      family.taught({.rows = GENERATE(false, true), .loss_rows = 4, .products = products});
  test::tie(taught);
  const auto loss = taught.step(two_batches(), settings());
  const auto expected = by_merging(taught.weights(), products, two_batches(), settings());
  CHECK(loss.tokens == Approx(expected.loss).epsilon(bound));
  check(taught, expected);
  CHECK(taught.all_written());
  CHECK(taught.score(two_batches()[0], settings()).tokens ==
        Approx(taught.step({two_batches()[0]}, settings()).tokens).epsilon(1e-6));
}

TEST_CASE("a product alone has its gradient through all units behind it", "[torch][train][lora]") {
  const auto name = GENERATE(as<std::string>(), "embed", "a.v", "b.twice", "c.router",
                             "c.experts.gate_up_proj", "c.experts.down_proj", "head");
  const AdaptableFamily family;
  const auto products = family.products(test::named(name));
  REQUIRE(products.all.size() == 1);
  auto taught = family.taught({.products = products});
  taught.step(two_batches(), settings());
  check(taught, by_merging(taught.weights(), products, two_batches(), settings()));
}

TEST_CASE("a micro-batch begins with no gradients of products", "[torch][train][lora]") {
  const AdaptableFamily family;
  auto taught = family.taught({.products = family.products(test::every)});
  taught.step(two_batches(), settings());
  const auto before = taught.gradients();
  taught.step(two_batches(), settings());
  for (const auto& [name, gradient] : taught.gradients()) {
    CAPTURE(name);
    CHECK(gradient.equal(before.at(name)));
  }
}

TEST_CASE("weights that are trained beside products keep their gradients", "[torch][train][lora]") {
  const AdaptableFamily family;
  const auto products = family.products(test::every);
  Taught taught(*family.opened, family.opened->host(),
                {.rows = GENERATE(false, true), .products = products});
  taught.step(two_batches(), settings());
  const auto expected = by_merging(taught.weights(), products, two_batches(), settings());
  for (const auto& [name, gradient] : expected.gradients) {
    CAPTURE(name);
    CHECK(test::apart(taught.gradients().at(name), gradient) < bound);
  }
  // B = 0 leaves the model as it is.
  const auto weights = taught.weights();
  for (const auto& [name, value] : weights)
    if (name.ends_with(".B")) taught.set(name, at::zeros_like(value));
  taught.step(two_batches(), settings());
  Taught bare(*family.opened, family.opened->host(), {});
  for (const auto& [name, value] : bare.weights()) bare.set(name, weights.at(name));
  bare.step(two_batches(), settings());
  for (const auto& [name, gradient] : bare.gradients()) {
    CAPTURE(name);
    CHECK(test::apart(taught.gradients().at(name), gradient) < 1e-12);
  }
}

TEST_CASE("products of a bfloat16 model compute in float32, as PEFT's do", "[torch][train][lora]") {
  const Opened<Plain> family;
  const auto products = test::some_products(*family, false, test::named("head"));
  const auto frozen = [](const zero::Unit&) { return true; };
  Taught taught(
      *family, family->host(),
      {.dtype = narrow, .reduce = real32, .loss_rows = 4, .products = products, .frozen = frozen});
  const auto rows = some_rows({12});
  taught.step({rows}, settings());
  const auto expected = by_autograd(taught.weights(), rows, settings(), products.all[0].scale);
  for (const auto& [name, gradient] : expected) {
    CAPTURE(name);
    const auto& made = taught.gradients().at(name);
    CHECK(test::apart(made, gradient) < 1e-2);
    CHECK_FALSE(made.equal(made.to(at::kBFloat16).to(at::kDouble)));
  }
}

TEST_CASE("gradients of products are given in the dtype of reduction", "[torch][train][lora]") {
  const AdaptableFamily family;
  const auto products = family.products(test::every);
  auto wide = family.taught({.products = products}),
       taught = family.taught({.reduce = narrow, .products = products});
  for (const auto& [name, value] : wide.weights()) taught.set(name, value);
  wide.step({some_rows({9})}, settings());
  taught.step({some_rows({9})}, settings());
  for (const auto& [name, gradient] : wide.gradients()) {
    CAPTURE(name);
    CHECK(taught.gradients().at(name).equal(gradient.to(at::kBFloat16).to(at::kDouble)));
  }
}

TEST_CASE("the products' weights are those that their modules need", "[torch][train][lora]") {
  const AdaptableFamily family;
  auto products = family.products(test::named("a.q"));
  const auto unit = test::products_unit(products);
  const auto memory = at::zeros({static_cast<int64_t>(unit.run_bytes)}, at::kByte);
  const auto* weights = static_cast<const std::byte*>(memory.const_data_ptr());
  Adapters adapters;
  TrainedProducts fit(products);
  fit.use(unit, weights, at::kCPU, adapters);
  CHECK(adapters.of("a.q.weight"));
  CHECK_FALSE(adapters.of("a.k.weight"));
  ++products.all[0].rank;
  REQUIRE_THROWS_AS(TrainedProducts(products).use(unit, weights, at::kCPU, adapters), Error);
  --products.all[0].rank;
  products.all[0].b = 2;
  REQUIRE_THROWS_AS(TrainedProducts(products).use(unit, weights, at::kCPU, adapters), Error);
  products.all[0].b = 1;
  // Gradients with other places than the weights' are refused.
  const auto sums = at::zeros({1024}, at::kFloat);
  REQUIRE_THROWS_AS(fit.give({}, static_cast<std::byte*>(sums.data_ptr()), at::kFloat), Error);
}

}  // namespace strata::torch
