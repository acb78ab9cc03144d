#include "torch/train/trainer.hpp"

#include <ATen/ops/randn.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/train/small_family.hpp"
#include "torch/ops/packed.hpp"
#include "torch/pch.hpp"

namespace strata::torch::test {

namespace {

constexpr strata_dtype real64{STRATA_FLOAT, 64, 1}, real32{STRATA_FLOAT, 32, 1},
    brain{STRATA_BFLOAT, 16, 1};
constexpr strata_device gpu{STRATA_CUDA, 0}, cpu{STRATA_CPU, 0};

// Takes a step on the GPU and one in float64 on the CPU, with the same weights; returns the largest
// difference of a gradient.
double apart_after_a_step(const SmallFamily& family, const TaughtOptions& there) {
  auto taught = family.taught(there);
  auto other = there;
  other.dtype = other.reduce = real64;
  other.device = cpu;
  auto expected = family.taught(other);
  for (const auto& [name, value] : taught.weights()) expected.set(name, value);
  const std::vector<Rows> batches{some_rows({9, 4, 7}), some_rows({1, 5}, 3)};
  const auto loss = taught.step(batches, settings()), its = expected.step(batches, settings());
  const double bound = there.dtype.bits == 64 ? 1e-12 : there.dtype.bits == 32 ? 1e-5 : 2e-2;
  CHECK(loss.tokens == Approx(its.tokens).epsilon(bound));
  CHECK(loss.routers == Approx(its.routers).epsilon(bound));
  CHECK(taught.all_written());
  double most = 0;
  for (const auto& [name, gradient] : expected.gradients())
    most = std::max(most, apart(taught.gradients().at(name), gradient));
  return most;
}

}  // namespace

TEST_CASE("gradients of the GPU are those of the CPU", "[gpu][train]") {
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  const bool rows = GENERATE(false, true);
  const SmallFamily family, dropping(R"(, "dropout": 0.3, "attention_dropout": 0.4)");
  TaughtOptions options{.attention = attention,
                        .dtype = real64,
                        .reduce = real64,
                        .device = gpu,
                        .rows = rows,
                        .loss_rows = 5,
                        .router_coefficient = 0.5};
  CHECK(apart_after_a_step(family, options) < 1e-11);
  CHECK(apart_after_a_step(dropping, options) < 1e-11);
  options.dtype = options.reduce = real32;
  CHECK(apart_after_a_step(family, options) < 1e-3);
}

TEST_CASE("bfloat16 products on the GPU give gradients in float32", "[gpu][train]") {
  const SmallFamily family;
  TaughtOptions options{.dtype = brain, .reduce = real32, .device = gpu, .loss_rows = 5};
  auto taught = family.taught(options);
  taught.step({some_rows({9, 4, 7})}, settings());
  const auto gradient = taught.gradients().at("head.weight");
  CHECK_FALSE(gradient.equal(gradient.to(at::kBFloat16).to(at::kDouble)));
  CHECK(taught.all_written());
}

TEST_CASE("the same step on the GPU has the same bits", "[gpu][train]") {
  const SmallFamily family;
  auto taught = family.taught({.dtype = brain, .reduce = real32, .device = gpu});
  const auto rows = some_rows({9, 4, 7});
  taught.step({rows}, settings());
  const auto first = taught.gradients();
  taught.step({rows}, settings());
  for (const auto& [name, gradient] : taught.gradients()) {
    CAPTURE(name);
    CHECK(gradient.equal(first.at(name)));
  }
}

TEST_CASE("attention's backward on the GPU has the same bits twice", "[gpu][train]") {
  const auto type = GENERATE(at::kBFloat16, at::kFloat);
  const auto on_gpu = at::TensorOptions().dtype(type).device(at::kCUDA);
  const SmallFamily family;
  const auto opened = family.taught({.device = gpu});  // it opens the device
  const auto q = at::randn({3072, 16, 64}, on_gpu).requires_grad_(true),
             k = at::randn({3072, 4, 64}, on_gpu).requires_grad_(true),
             v = at::randn({3072, 4, 64}, on_gpu).requires_grad_(true);
  Ragged ragged;
  ragged.sequences = {{0, 2048, 2048, -1}, {2048, 1024, 1024, -1}};
  ragged.tokens = 3072, ragged.max_query = ragged.max_keys = 2048;
  Attributes causal;
  causal.causal = true, causal.scale = 0.125, causal.window = GENERATE(0, 100);
  const auto dy = at::randn({3072, 1024}, on_gpu);
  const c10::AutoGradMode recorded(true);
  const auto gradients = [&] {
    for (const auto* x : {&q, &k, &v}) x->mutable_grad().reset();
    scaled_dot_product(q, k, v, {}, {}, ragged, causal, nullptr).backward(dy);
    return std::vector{q.grad().clone(), k.grad().clone(), v.grad().clone()};
  };
  const auto first = gradients();
  for (int i = 0; i < 5; ++i) {
    const auto again = gradients();
    for (std::size_t x = 0; x < 3; ++x) CHECK(again[x].equal(first[x]));
  }
}

}  // namespace strata::torch::test
