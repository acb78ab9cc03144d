#include "torch/kv_cache.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {
namespace {

using run::Sequence;

// Keys [T,2,3] that tell the token, the head and the element.
at::Tensor keys(const std::vector<int64_t>& tokens) {
  const auto base = at::tensor(tokens, at::kLong).to(at::kFloat).view({-1, 1, 1});
  return base.mul(100).add(at::arange(6, at::kFloat).view({1, 2, 3}));
}

struct Cache {
  Pass pass{{.sequences = 2, .tokens = 5, .block = 4}};
  KvCache cache;

  // Appends keys numbered from `number` for these sequences, and values that are their negatives.
  const KvCache::Layer& append(const std::vector<Sequence>& sequences, int64_t number,
                               uint32_t layer = 0) {
    std::vector<int32_t> ids;
    std::vector<int64_t> tokens;
    for (const auto& s : sequences)
      for (uint32_t t = 0; t < s.count; ++t) {
        ids.push_back(0);
        tokens.push_back(number + static_cast<int64_t>(tokens.size()));
      }
    pass.begin({ids, sequences, {}});
    const auto k = keys(tokens);
    return cache.append(layer, pass, k, k.neg());
  }
};

// The rows [first, first + count) of a layer's keys, in tokens of the cache.
at::Tensor rows(const at::Tensor& cache, int64_t first, int64_t count) {
  return cache.view({-1, 2, 3}).narrow(0, first, count);
}

}  // namespace

TEST_CASE("keys and values of several sequences lie at their positions, all else is zero",
          "[torch][kv_cache]") {
  Cache cache;
  cache.append({{.slot = 1, .first = 0, .count = 3}}, 1);
  const auto& layer =
      cache.append({{.slot = 0, .first = 0, .count = 2}, {.slot = 1, .first = 3, .count = 1}}, 4);
  // A sequence of five tokens has two blocks of four.
  REQUIRE(layer.k.sizes() == at::IntArrayRef({4, 4, 2, 3}));
  CHECK(rows(layer.k, 0, 2).equal(keys({4, 5})));
  CHECK(rows(layer.k, 8, 4).equal(keys({1, 2, 3, 6})));
  CHECK(rows(layer.k, 2, 6).eq(0).all().item<bool>());
  CHECK(rows(layer.k, 12, 4).eq(0).all().item<bool>());
  CHECK(layer.v.equal(layer.k.neg()));
}

TEST_CASE("one sequence is appended as several are", "[torch][kv_cache]") {
  Cache alone, beside;
  alone.append({{.slot = 1, .first = 0, .count = 2}}, 7);
  const auto& one = alone.append({{.slot = 1, .first = 2, .count = 2}}, 9);
  beside.append({{.slot = 1, .first = 0, .count = 2}, {.slot = 0, .first = 0, .count = 1}}, 7);
  const auto& two =
      beside.append({{.slot = 1, .first = 2, .count = 2}, {.slot = 0, .first = 1, .count = 1}}, 9);
  CHECK(rows(one.k, 8, 4).equal(keys({7, 8, 9, 10})));
  CHECK(rows(one.k, 8, 4).equal(rows(two.k, 8, 4)));
}

TEST_CASE("each layer has a cache of its own, in any order", "[torch][kv_cache]") {
  Cache cache;
  const auto third = cache.append({{.count = 1}}, 3, 2).k;
  const auto first = cache.append({{.count = 1}}, 1, 0).k;
  CHECK(rows(third, 0, 1).equal(keys({3})));
  CHECK(rows(first, 0, 1).equal(keys({1})));
  CHECK_THROWS_WITH(cache.append({{.count = 1}}, 1, 1u << 16), Catch::Contains("beyond any model"));
}

TEST_CASE("a reset forgets every layer and keeps its memory", "[torch][kv_cache]") {
  Cache cache;
  const auto first = cache.append({{.count = 3}}, 1, 0);
  const auto second = cache.append({{.count = 3}}, 1, 4);
  cache.cache.reset();
  for (const auto& tensor : {first.k, first.v, second.k, second.v})
    CHECK(tensor.eq(0).all().item<bool>());
  CHECK(cache.append({{.count = 1}}, 5, 4).k.data_ptr() == second.k.data_ptr());
}

}  // namespace strata::torch
