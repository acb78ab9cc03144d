#include <ATen/ops/randn.h>

#include <array>
#include <catch2/catch.hpp>

#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

TEST_CASE("single heads are cut from a row and merged again", "[torch][heads]") {
  const auto x = at::randn({3, 24}, at::kFloat);
  std::array<at::Tensor, 1> cut, merged;
  heads(STRATA_SINGLE, 0, 0, 8, x, cut);
  REQUIRE(cut[0].sizes() == at::IntArrayRef({3, 3, 8}));
  REQUIRE(cut[0][1][2].equal(x[1].narrow(0, 16, 8)));
  heads(STRATA_MERGED, 3, 3, 8, cut[0], merged);
  REQUIRE(merged[0].equal(x));
}

TEST_CASE("fused and interleaved rows give the same q, k and v", "[torch][heads]") {
  const int64_t h = 4, k = GENERATE(1, 2, 4), e = 6;
  const auto q = at::randn({5, h, e}, at::kFloat);
  const auto key = at::randn({5, k, e}, at::kFloat), value = at::randn({5, k, e}, at::kFloat);
  const auto fused = at::cat({q, key, value}, 1).flatten(1);
  std::vector<at::Tensor> blocks;
  for (int64_t i = 0; i < k; ++i) {
    blocks.push_back(q.narrow(1, i * (h / k), h / k));
    blocks.push_back(key.narrow(1, i, 1));
    blocks.push_back(value.narrow(1, i, 1));
  }
  const auto interleaved = at::cat(blocks, 1).flatten(1);
  std::array<at::Tensor, 3> a, b;
  heads(STRATA_FUSED, h, k, e, fused, a);
  heads(STRATA_INTERLEAVED, h, k, e, interleaved, b);
  for (const auto& made : {a, b}) {
    REQUIRE(made[0].equal(q));
    REQUIRE(made[1].equal(key));
    REQUIRE(made[2].equal(value));
  }
}

}  // namespace strata::torch
