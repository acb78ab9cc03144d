#include "torch/train/products.hpp"

#include <catch2/catch.hpp>

#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/train/products_family.hpp"
#include "torch/pch.hpp"

namespace strata::torch::test {

namespace {

constexpr strata_dtype real32{STRATA_FLOAT, 32, 1}, brain{STRATA_BFLOAT, 16, 1};
constexpr strata_device gpu{STRATA_CUDA, 0};

bool may_drop(const adapter::Module& module) { return !module.parameter && !module.router; }

}  // namespace

TEST_CASE("products on the GPU have the gradients of the CPU", "[gpu][train][lora]") {
  const AdaptableFamily family;
  const auto products =
      GENERATE(false, true) ? family.products(may_drop, 0.4) : family.products(every);
  auto there = family.taught({.device = gpu, .loss_rows = 5, .products = products}),
       here = family.taught({.loss_rows = 5, .products = products});
  for (const auto& [name, value] : there.weights()) here.set(name, value);
  const std::vector<Rows> batches{some_rows({9, 4, 7}), some_rows({1, 5}, 3)};
  CHECK(there.step(batches, settings()).tokens ==
        Approx(here.step(batches, settings()).tokens).epsilon(1e-5));
  CHECK(there.all_written());
  for (const auto& [name, gradient] : here.gradients()) {
    CAPTURE(name);
    CHECK(apart(there.gradients().at(name), gradient) < 1e-4);
  }
}

TEST_CASE("gradients of products on the GPU have the same bits twice", "[gpu][train][lora]") {
  const AdaptableFamily family;
  auto taught = family.taught(
      {.dtype = brain, .reduce = real32, .device = gpu, .products = family.products(every)});
  const auto rows = some_rows({9, 4, 7});
  taught.step({rows}, settings());
  const auto first = taught.gradients();
  taught.step({rows}, settings());
  for (const auto& [name, gradient] : taught.gradients()) {
    CAPTURE(name);
    CHECK(gradient.equal(first.at(name)));
  }
}

}  // namespace strata::torch::test
