#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>

#include "tests/sdk/torch/close.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

TEST_CASE("rms norm is x over its root mean square times the weight", "[torch][norm]") {
  const auto x = at::randn({5, 24}, at::kDouble), w = at::randn({24}, at::kDouble);
  const auto offset = GENERATE(0.0, 1.0);
  const auto expected = x.div(x.mul(x).mean(-1, true).add(1e-5).sqrt()).mul(w.add(offset));
  // The square is taken in float32, whatever x is.
  REQUIRE(test::apart(rms_norm(x, w, 1e-5, offset), expected) < 1e-6);
  REQUIRE(test::apart(rms_norm(x.to(at::kFloat), w.to(at::kFloat), 1e-5, offset), expected) < 1e-6);
  REQUIRE(test::apart(rms_norm(x.to(at::kBFloat16), w.to(at::kBFloat16), 1e-5, offset), expected) <
          2e-2);
}

TEST_CASE("rms norm returns to bfloat16 before the weight multiplies", "[torch][norm]") {
  const auto x = at::randn({7, 32}, at::kFloat).to(at::kBFloat16);
  const auto w = at::randn({32}, at::kFloat).to(at::kBFloat16);
  const auto wide = x.to(at::kFloat);
  const auto normal = wide.mul(wide.pow(2).mean(-1, true).add(1e-6).rsqrt()).to(at::kBFloat16);
  REQUIRE(rms_norm(x, w, 1e-6, 0).equal(w.mul(normal)));
}

TEST_CASE("layer norm takes away the mean and may go without weights", "[torch][norm]") {
  const auto x = at::randn({5, 24}, at::kDouble), w = at::randn({24}, at::kDouble);
  const auto b = at::randn({24}, at::kDouble);
  const auto centred = x.sub(x.mean(-1, true));
  const auto plain = centred.div(centred.mul(centred).mean(-1, true).add(1e-5).sqrt());
  REQUIRE(test::apart(layer_norm(x, w, b, 1e-5, 0), plain.mul(w).add(b)) < 1e-12);
  REQUIRE(test::apart(layer_norm(x, {}, {}, 1e-5, 0), plain) < 1e-12);
}

}  // namespace strata::torch
