#include <ATen/ops/erf.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sigmoid.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

TEST_CASE("activations are their formulas", "[torch][elementwise]") {
  const auto x = at::randn({6, 20}, at::kDouble).mul(3);
  const auto half = x.div(2);
  const auto root = std::sqrt(2 / std::numbers::pi);
  REQUIRE(test::apart(activation(STRATA_RELU, x), x.clamp_min(0)) == 0);
  REQUIRE(test::apart(activation(STRATA_GELU, x),
                      half.mul(at::erf(x.div(std::numbers::sqrt2)).add(1))) < 1e-12);
  REQUIRE(test::apart(activation(STRATA_GELU_TANH, x),
                      half.mul(x.pow(3).mul(0.044715).add(x).mul(root).tanh().add(1))) < 1e-12);
  REQUIRE(test::apart(activation(STRATA_SILU, x), x.mul(at::sigmoid(x))) < 1e-12);
  REQUIRE(test::apart(activation(STRATA_TANH, x), x.tanh()) == 0);
  REQUIRE(test::apart(activation(STRATA_SIGMOID, x), at::sigmoid(x)) == 0);
  REQUIRE(test::apart(activation(STRATA_QUICK_GELU, x), x.mul(at::sigmoid(x.mul(1.702)))) < 1e-12);
  REQUIRE(test::apart(activation(STRATA_RELU_SQUARED, x), x.clamp_min(0).pow(2)) < 1e-12);
  const auto six = x.add(3).clamp(0, 6).div(6);
  REQUIRE(test::apart(activation(STRATA_HARD_SWISH, x), x.mul(six)) < 1e-12);
  REQUIRE(test::apart(activation(STRATA_LEAKY_RELU, x), x.maximum(x.mul(0.01))) < 1e-12);
  REQUIRE(test::apart(activation(STRATA_MISH, x), x.mul(x.exp().add(1).log().tanh())) < 1e-12);
  REQUIRE(test::apart(activation(STRATA_SQRT_SOFTPLUS, x), x.exp().add(1).log().sqrt()) < 1e-12);
  REQUIRE(activation(STRATA_RELU6, x).equal(x.clamp(0, 6)));
  REQUIRE(activation(STRATA_GELU_CLIPPED, x.mul(9)).max().item<double>() == 10);
  REQUIRE_THROWS_AS(activation(99, x), Error);
}

TEST_CASE("a gate multiplies and stays as it was", "[torch][elementwise]") {
  const auto both = at::randn({6, 40}, at::kFloat);
  const auto gate = both.narrow(1, 0, 20), up = both.narrow(1, 20, 20);
  const auto before = both.clone();
  const c10::NoGradGuard unrecorded;
  REQUIRE(test::apart(gated(STRATA_SILU, gate, up), gate.mul(at::sigmoid(gate)).mul(up)) < 1e-6);
  REQUIRE(test::apart(gated(STRATA_IDENTITY, gate, up), gate.mul(up)) == 0);
  REQUIRE(both.equal(before));
}

TEST_CASE("elementwise ops broadcast, scale and cap", "[torch][elementwise]") {
  const auto a = at::randn({6, 20}, at::kDouble), b = at::randn({20}, at::kDouble);
  REQUIRE(elementwise(STRATA_ADD, a, b, 0).equal(a.add(b)));
  REQUIRE(elementwise(STRATA_MUL, a, b, 0).equal(a.mul(b)));
  REQUIRE(elementwise(STRATA_SCALE, a, {}, 2.5).equal(a.mul(2.5)));
  REQUIRE(test::apart(elementwise(STRATA_SOFT_CAP, a, {}, 1.5), a.div(1.5).tanh().mul(1.5)) <
          1e-12);
  REQUIRE(elementwise(STRATA_CLAMP, a, {}, 0.5).equal(a.clamp(-0.5, 0.5)));
  REQUIRE(elementwise(STRATA_SCALE_ROUNDED, a, {}, 2.3).equal(a.mul(2.3)));
  const auto narrow = a.to(at::kBFloat16);
  const auto rounded = at::tensor(2.3).to(at::kBFloat16);  // 2.296875
  REQUIRE(elementwise(STRATA_SCALE_ROUNDED, narrow, {}, 2.3).equal(narrow.mul(rounded)));
}

}  // namespace strata::torch
