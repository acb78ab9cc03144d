#include "torch/ops/around_padding.hpp"

#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>
#include <limits>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "torch/ops/packed.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

const std::vector<run::Sequence> padded{{.slot = 0, .count = 7, .length = 7, .pads = 2},
                                        {.slot = 1, .count = 5, .length = 5},
                                        {.slot = 2, .count = 8, .length = 8, .pads = 3}};
constexpr int64_t tokens = 20, heads = 4, kv = 2, width = 8;
constexpr double scale = 0.3;

void begin(Pass& pass, const std::vector<run::Sequence>& sequences) {
  std::vector<int32_t> ids;
  for (const auto& s : sequences) ids.insert(ids.end(), s.count, 3);
  pass.begin({ids, sequences, {}});
}

// The attention of each token by itself under the mask of its sequence.
at::Tensor by_mask(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t window,
                   const at::Tensor& slopes) {
  std::vector<at::Tensor> rows;
  int64_t start = 0;
  for (const auto& s : padded) {
    for (int64_t t = 0; t < s.count; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        const auto column = h / (heads / kv);
        auto x = k.narrow(0, start, s.count).select(1, column).mv(q[start + t][h]).mul(scale);
        for (int64_t key = 0; key < s.count; ++key) {
          const bool seen =
              key <= t && key < int64_t{s.count} - s.pads && (window == 0 || key > t - window);
          const auto far = static_cast<double>(key - t);
          if (!seen) x[key].fill_(-std::numeric_limits<double>::infinity());
          if (seen && slopes.defined()) x[key].add_(slopes[h].to(at::kDouble).mul(far));
        }
        rows.push_back(
            at::softmax(x, 0).unsqueeze(0).mm(v.narrow(0, start, s.count).select(1, column)));
      }
    start += s.count;
  }
  return at::cat(rows).view({tokens, heads * width});
}

// One part by fused kernels, or step by step.
at::Tensor attend(const AttentionPart& part, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, const at::Tensor& slopes, const Attributes& a, bool fused) {
  const auto table = part.table(at::kCPU);
  const auto query = q.index_select(0, at::tensor(part.rows, at::kLong)), key = k.unsqueeze(1),
             value = v.unsqueeze(1);
  const auto ragged =
      ragged_of(at::tensor(part.starts, at::kInt), at::tensor(part.keys, at::kInt), table, 1);
  const auto same = part.ragged();
  CHECK((same.tokens == ragged.tokens && same.max_query == ragged.max_query &&
         same.max_keys == ragged.max_keys));
  for (std::size_t s = 0; s < ragged.sequences.size(); ++s) {
    CHECK(same.sequences[s].start == ragged.sequences[s].start);
    CHECK(same.sequences[s].count == ragged.sequences[s].count);
    CHECK(same.sequences[s].keys == ragged.sequences[s].keys);
    CHECK(same.sequences[s].cache_row == ragged.sequences[s].cache_row);
  }
  if (fused) return scaled_dot_product(query, key, value, table, slopes, ragged, a, nullptr);
  const auto all = scores(pad(query, ragged), keys(key, table, ragged), a.scale);
  const auto p = masked_softmax(all, mask(ragged, a, slopes, at::kCPU), {});
  return unpad(weighted_sum(p, keys(value, table, ragged)), ragged);
}

}  // namespace

TEST_CASE("padding sees the real tokens of its row and no padding", "[torch][ops]") {
  const auto window = GENERATE(int64_t{0}, int64_t{4}, int64_t{8});
  const auto biased = GENERATE(false, true);
  const auto fused = GENERATE(false, true);
  CAPTURE(window, biased, fused);
  Pass pass(run::KvRoom{});
  begin(pass, padded);
  REQUIRE(pass.padded());
  const auto slopes = biased ? at::randn({heads}, at::kFloat) : at::Tensor();
  const auto draw = [](int64_t h) { return at::randn({tokens, h, width}, at::kDouble); };
  auto q = draw(heads), k = draw(kv), v = draw(kv);
  for (auto* x : {&q, &k, &v}) x->requires_grad_(true);
  std::vector<at::Tensor> made;
  std::vector<int64_t> rows;
  for (const auto& part : around_padding(pass, window)) {
    made.push_back(
        attend(part, q, k, v, slopes,
               {.scale = scale, .causal = part.causal, .window = part.causal ? window : 0}, fused));
    rows.insert(rows.end(), part.rows.begin(), part.rows.end());
  }
  REQUIRE(static_cast<int64_t>(rows.size()) == tokens);
  const c10::NoGradGuard unrecorded;
  const auto want = by_mask(q.detach(), k.detach(), v.detach(), window, slopes);
  const auto ordered = want.index_select(0, at::tensor(rows, at::kLong));
  CHECK(test::apart(at::cat(made).detach(), ordered) < 1e-6);
}

TEST_CASE("padding lies behind real tokens and in no cache", "[torch][ops]") {
  Pass pass(run::KvRoom{}), cached({.sequences = 1, .tokens = 8, .block = 4});
  CHECK_THROWS_AS(begin(pass, {{.count = 3, .pads = 3}}), Error);
  CHECK_THROWS_AS(begin(cached, {{.count = 3, .pads = 1}}), Error);
  begin(pass, {{.count = 3, .length = 3}});
  CHECK_FALSE(pass.padded());
}

TEST_CASE("learned positions of padding are the row before the first", "[torch][ops]") {
  Pass pass(run::KvRoom{});
  begin(pass, {{.count = 4, .length = 4, .pads = 2}, {.slot = 1, .count = 2, .length = 2}});
  const auto& on = pass.on(at::kCPU);
  CHECK(on.positions.equal(at::tensor(std::vector<int64_t>{0, 1, 2, 3, 0, 1})));
  CHECK(on.learned.equal(at::tensor(std::vector<int64_t>{0, 1, -1, -1, 0, 1})));
}

}  // namespace strata::torch
