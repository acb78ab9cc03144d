#include <ATen/ops/randn.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/sdk/torch/close.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/parts.hpp"
#include "torch/ops/rope.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

TEST_CASE("a product for a few tokens is the product", "[torch][linear]") {
  const c10::InferenceMode unrecorded;
  const int64_t tokens = GENERATE(1, 3, 8, 9), in = GENERATE(1, 15, 576, 601),
                out = GENERATE(1, 70);
  const auto x = at::randn({tokens, in}, at::kFloat), w = at::randn({out, in}, at::kFloat),
             bias = at::randn({out}, at::kFloat);
  const auto expected = at::matmul(x.to(at::kDouble), w.to(at::kDouble).t());
  CHECK(test::apart(linear(x, w, at::Tensor()), expected) < 1e-5);
  CHECK(test::apart(linear(x, w, bias), expected.add(bias)) < 1e-5);
}

TEST_CASE("a token's product has the same bits beside other tokens and on any threads",
          "[torch][linear]") {
  const c10::InferenceMode unrecorded;
  const auto x = at::randn({8, 600}, at::kFloat), w = at::randn({501, 600}, at::kFloat);
  const auto threads = at::get_num_threads();
  const auto together = linear(x, w, at::Tensor());
  at::set_num_threads(threads == 1 ? 3 : 1);
  for (int64_t t = 0; t < 8; ++t)
    CHECK(linear(x.narrow(0, t, 1), w, at::Tensor()).equal(together.narrow(0, t, 1)));
  at::set_num_threads(threads);
}

TEST_CASE("rms norm and rope are the same with and without a recording", "[torch][norm][rope]") {
  const auto x = at::randn({300, 72}, at::kFloat), w = at::randn({72}, at::kFloat);
  const auto recorded = rms_norm(x, w, 1e-5, 0);
  strata_op_rope op{};
  op.type = {STRATA_STR("default")};
  op.theta = 10000;
  op.layout = GENERATE(uint32_t{STRATA_ROPE_HALVES}, uint32_t{STRATA_ROPE_INTERLEAVED});
  op.dim = GENERATE(0u, 8u);
  const auto made = turn(op, 12, at::kFloat, at::arange(0, 300, at::kLong), {{300, 300}});
  // Heads of a wider product, as the packed q, k and v are.
  const auto heads = x.narrow(1, 0, 48).unflatten(1, {4, 12});
  const auto turned = rope(heads, made);
  const c10::InferenceMode unrecorded;
  CHECK(test::apart(rms_norm(x, w, 1e-5, 0), recorded) < 1e-6);
  CHECK(test::apart(rope(heads, made), turned) < 1e-6);
  CHECK(rms_norm(x.narrow(0, 7, 1), w, 1e-5, 0).equal(rms_norm(x, w, 1e-5, 0).narrow(0, 7, 1)));
}

TEST_CASE("every item is in one part", "[torch][parts]") {
  const int64_t n = GENERATE(0, 1, 2, 1000);
  std::vector<int> seen(static_cast<std::size_t>(n));
  in_parts(n, 1 << 20, [&](int64_t first, int64_t last) {
    for (auto i = first; i < last; ++i) ++seen[static_cast<std::size_t>(i)];
  });
  REQUIRE(std::count(seen.begin(), seen.end(), 1) == n);
}

}  // namespace strata::torch
