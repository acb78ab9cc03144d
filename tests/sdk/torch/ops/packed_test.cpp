#include "torch/ops/packed.hpp"

#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>
#include <limits>

#include "tests/sdk/torch/close.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// A batch whose sequences lie in blocks of a cache, in slots that are in order or not.
struct Batch {
  Batch(std::vector<int64_t> firsts, std::vector<int64_t> counts, std::vector<int64_t> slots,
        int64_t h, int64_t kv, at::ScalarType type)
      : q(at::randn({0, h, 8}, at::kDouble)) {
    const int64_t per_slot = 3, block = 4;
    k = at::randn({8 * per_slot, block, kv, 8}, at::kDouble);
    v = at::randn({8 * per_slot, block, kv, 8}, at::kDouble);
    std::vector<int64_t> starts{0}, lengths, blocks;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      starts.push_back(starts.back() + counts[i]);
      lengths.push_back(firsts[i] + counts[i]);
      for (int64_t b = 0; b < per_slot; ++b) blocks.push_back(slots[i] * per_slot + b);
    }
    q = at::randn({starts.back(), h, 8}, at::kDouble).to(type);
    k = k.to(type), v = v.to(type);
    table = at::tensor(blocks, at::kInt).view({-1, per_slot});
    ragged = ragged_of(at::tensor(starts, at::kInt), at::tensor(lengths, at::kInt), table, block);
  }
  at::Tensor q, k, v, table;
  Ragged ragged;
};

// softmax(scale q k^T) v, token by token, in float64.
at::Tensor by_formula(const Batch& b, double scale, const Attributes& a, const at::Tensor& slopes,
                      const at::Tensor& sinks) {
  const auto h = b.q.size(1), group = h / b.k.size(2);
  auto out = at::zeros({b.q.size(0), h, 8}, at::kDouble);
  for (const auto& s : b.ragged.sequences)
    for (int64_t t = 0; t < s.count; ++t)
      for (int64_t head = 0; head < h; ++head) {
        const auto position = s.keys - s.count + t;
        const auto first = a.window ? std::max<int64_t>(0, position - a.window + 1) : 0;
        const auto last = a.causal ? position + 1 : s.keys;
        const auto rows = [&](const at::Tensor& cache) {
          return cache.flatten(0, 1)
              .narrow(0, s.cache_row + first, last - first)
              .select(1, head / group)
              .to(at::kDouble);
        };
        auto x = rows(b.k).mv(b.q[s.start + t][head].to(at::kDouble)).mul(scale);
        if (slopes.defined())
          x = x.add(
              at::arange(first, last, at::kDouble).sub(position).mul(slopes[head].to(at::kDouble)));
        auto weights = x.exp();
        auto sum = weights.sum();
        if (sinks.defined()) sum = sum.add(sinks[head].to(at::kDouble).exp());
        out[s.start + t][head].copy_(rows(b.v).t().mv(weights).div(sum));
      }
  return out.flatten(1);
}

at::Tensor stepwise(const Batch& b, double scale, const Attributes& a, const at::Tensor& slopes,
                    const at::Tensor& sinks) {
  const auto x = scores(pad(b.q, b.ragged), keys(b.k, b.table, b.ragged), scale);
  const auto p = masked_softmax(x, mask(b.ragged, a, slopes, at::kCPU), sinks);
  return unpad(weighted_sum(p, keys(b.v, b.table, b.ragged)), b.ragged);
}

}  // namespace

TEST_CASE("attention over packed tokens is its formula for each token", "[torch][packed]") {
  struct Case {
    std::vector<int64_t> firsts, counts, slots;
  };
  const auto c =
      GENERATE(Case{{0}, {7}, {1}},  // a prompt
               Case{{6}, {1}, {0}},  // a new token
               Case{{3}, {4}, {2}},  // a prompt's later part
               Case{{0, 0, 2}, {5, 1, 4}, {0, 1, 2}}, Case{{5, 0, 9}, {1, 1, 1}, {1, 3, 5}},
               Case{{5, 3, 9}, {1, 2, 1}, {4, 0, 7}});
  const auto heads = GENERATE(std::pair(4, 4), std::pair(4, 2), std::pair(3, 1));
  const auto window = GENERATE(0, 3);
  const auto type = GENERATE(at::kDouble, at::kFloat);
  const Batch b(c.firsts, c.counts, c.slots, heads.first, heads.second, type);
  Attributes a;
  a.causal = true;
  a.window = window;
  a.scale = 0.3;
  const double tolerance = type == at::kDouble ? 1e-12 : 2e-6;
  const auto expected = by_formula(b, 0.3, a, {}, {});
  CHECK(test::apart(stepwise(b, 0.3, a, {}, {}), expected) < tolerance);
  CHECK(test::apart(scaled_dot_product(b.q, b.k, b.v, b.table, {}, b.ragged, a, nullptr),
                    expected) < tolerance);
}

TEST_CASE("slopes and sinks take their part", "[torch][packed]") {
  const Batch b({0, 4}, {5, 2}, {0, 1}, 4, 2, at::kDouble);
  Attributes a;
  a.causal = true;
  const auto slopes = at::randn({4}, at::kFloat).abs(), sinks = at::randn({4}, at::kFloat);
  CHECK(test::apart(stepwise(b, 0.4, a, slopes, {}), by_formula(b, 0.4, a, slopes, {})) < 1e-6);
  a.scale = 0.4;
  CHECK(test::apart(scaled_dot_product(b.q, b.k, b.v, b.table, slopes, b.ragged, a, nullptr),
                    by_formula(b, 0.4, a, slopes, {})) < 1e-6);
  CHECK(test::apart(stepwise(b, 0.4, a, {}, sinks), by_formula(b, 0.4, a, {}, sinks)) < 1e-6);
  CHECK(test::apart(stepwise(b, 0.4, a, slopes, sinks), stepwise(b, 0.4, a, {}, {})) > 1e-2);
}

TEST_CASE("the cache of sequences equally far apart is read without a copy", "[torch][packed]") {
  const Batch b({5, 2, 9}, {1, 1, 1}, {1, 3, 5}, 4, 2, at::kFloat);
  REQUIRE(keys(b.k, b.table, b.ragged).storage().data() == b.k.storage().data());
  const Batch one({5}, {1}, {6}, 4, 2, at::kFloat);
  REQUIRE(keys(one.k, one.table, one.ragged).storage().data() == one.k.storage().data());
}

TEST_CASE("blocks in any order are gathered", "[torch][packed]") {
  Batch b({5}, {4}, {0}, 4, 2, at::kDouble);
  const auto order = at::tensor(std::vector<int64_t>{7, 2, 5}, at::kInt).view({1, 3});
  const auto moved = ragged_of(at::tensor(std::vector<int64_t>{0, 4}),
                               at::tensor(std::vector<int64_t>{9}), order, 4);
  REQUIRE(moved.sequences[0].cache_row == -1);
  const auto k = keys(b.k, order, moved);
  REQUIRE(k.size(1) == 9);
  REQUIRE(k[0][4].equal(b.k[2][0]));
  REQUIRE(k[0][8].equal(b.k[5][0]));
}

}  // namespace strata::torch
