#include "torch/ops/scale_in_place.hpp"

#include <catch2/catch.hpp>

#include "torch/pch.hpp"

namespace strata::torch {

TEST_CASE("a number multiplies in place with the bits of another product", "[torch]") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  const auto x = at::arange(4096, at::kFloat).div(679).sub(3).to(dtype);
  const double factor = GENERATE(0.0721, 0.08838834764831845, 1 / 3.0);
  // The number is used in float32, and the product alone is rounded.
  const auto once = x.to(at::kFloat).mul(factor).to(dtype);
  auto scaled = x.clone();
  scale_in_place(scaled, factor);
  REQUIRE(scaled.equal(once));
  REQUIRE(x.mul(factor).equal(once));
}

}  // namespace strata::torch
