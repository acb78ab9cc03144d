#include "torch/ops/moe.hpp"

#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>
#include <map>

#include "tests/sdk/torch/close.hpp"
#include "torch/form.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

enum : uint32_t { router, bias, gate, up, down, gate_bias, up_bias, down_bias };

// Experts in memory of their own: a gate and an up that lie packed, or apart; biases behind them.
struct Held : run::Experts {
  Held(int64_t experts, int64_t hidden, int64_t ffn, at::ScalarType type, bool packed) {
    const auto wide = static_cast<uint64_t>(at::elementSize(type));
    const auto bytes = static_cast<uint64_t>(hidden * ffn) * wide;
    form.weights.resize(8);
    uint64_t end = 3 * bytes;
    for (const auto index : {gate_bias, up_bias, down_bias}) {
      auto& vector = form.weights[index];
      vector.shape = {index == down_bias ? hidden : ffn};
      vector.run = source::dense_form(dtype_of(type), vector.shape);
      vector.run.at = end;
      end += vector.run.bytes;
    }
    for (const auto index : {gate, up, down}) {
      auto& weight = form.weights[index];
      weight.shape = index == down ? std::vector{hidden, ffn} : std::vector{ffn, hidden};
      weight.group = packed && index != down ? 1 : 0;
      weight.run = source::dense_form(dtype_of(type), weight.shape);
      weight.run.at = (index - gate) * bytes;
    }
    for (int64_t e = 0; e < experts; ++e)
      memory.push_back(
          at::randn({static_cast<int64_t>(end / wide)}, at::kDouble).mul(0.2).to(type));
  }
  void need(uint32_t, std::span<const uint32_t> experts) override {
    wanted.assign(experts.begin(), experts.end());
    at = 0;
  }
  Expert take() override {
    return {&form, static_cast<const std::byte*>(memory[wanted.at(at++)].const_data_ptr())};
  }
  at::Tensor weight(int64_t e, uint32_t index) const {
    const auto& all = memory[static_cast<std::size_t>(e)];
    const auto& one = form.weights[index];
    const auto each = static_cast<int64_t>(all.element_size());
    return all
        .narrow(0, static_cast<int64_t>(one.run.at) / each,
                static_cast<int64_t>(one.run.bytes) / each)
        .view(one.shape)
        .to(at::kDouble);
  }
  zero::Unit form;
  std::vector<at::Tensor> memory;
  std::vector<uint32_t> wanted;
  std::size_t at = 0;
};

// Token by token, in float64.
at::Tensor expected(const strata_op_moe& op, const at::Tensor& x, const at::Tensor& w,
                    const at::Tensor& b, const Held& held) {
  auto logits = at::matmul(x.to(at::kDouble), w.to(at::kDouble).t());
  if (b.defined()) logits = logits.add(b);
  const auto scores = op.route == STRATA_ROUTE_SOFTMAX ? at::softmax(logits, -1) : logits.sigmoid();
  auto sum = at::zeros(x.sizes(), at::kDouble);
  for (int64_t t = 0; t < x.size(0); ++t) {
    const auto [weights, chosen] = scores[t].topk(op.top_k);
    const auto all = op.normalise ? weights.sum().item<double>() : 1;
    for (int64_t i = 0; i < op.top_k; ++i) {
      const auto e = chosen[i].item<int64_t>();
      const auto token = x[t].to(at::kDouble);
      auto inner = at::matmul(held.weight(e, up), token);
      inner = op.gate == STRATA_NONE ? at::relu(inner)
                                     : at::silu(at::matmul(held.weight(e, gate), token)).mul(inner);
      const auto share = weights[i].item<double>() / all * op.scale;
      sum[t].add_(at::matmul(held.weight(e, down), inner).mul(share));
    }
  }
  return sum;
}

strata_op_moe moe_of(uint32_t top_k, bool gated) {
  strata_op_moe op{};
  op.router = router, op.router_bias = bias, op.gate = gated ? gate : STRATA_NONE;
  op.up = up, op.down = down, op.top_k = top_k, op.scale = 1;
  op.route = STRATA_ROUTE_SOFTMAX;
  op.activation = gated ? STRATA_SILU : STRATA_RELU;
  return op;
}

// The three best of the experts of the two best groups of two, by hand.
std::vector<int64_t> best_of_groups(const at::Tensor& by) {
  const auto* score = by.const_data_ptr<double>();
  const auto sum = [&](int64_t group) { return score[2 * group] + score[2 * group + 1]; };
  int64_t worst = 0;
  for (int64_t group = 1; group < 3; ++group)
    if (sum(group) < sum(worst)) worst = group;
  std::vector<int64_t> out;
  for (int64_t e = 0; e < 6; ++e)
    if (e / 2 != worst) out.push_back(e);
  std::ranges::sort(out, [&](int64_t a, int64_t b) { return score[a] > score[b]; });
  out.resize(3);
  return out;
}

}  // namespace

TEST_CASE("routed experts are what each token's own would be", "[torch][moe]") {
  const c10::InferenceMode unrecorded;
  const auto type = GENERATE(at::kFloat, at::kDouble);
  const int64_t tokens = GENERATE(1, 5, 40), experts = GENERATE(1, 6);
  const auto top_k = GENERATE(1u, 3u);
  if (top_k > experts) return;
  auto op = moe_of(top_k, GENERATE(true, false));
  op.route = GENERATE(uint32_t{STRATA_ROUTE_SOFTMAX}, uint32_t{STRATA_ROUTE_SIGMOID});
  op.normalise = GENERATE(0u, 1u);
  op.scale = op.normalise ? 2.5 : 1;
  Held held(experts, 24, 37, type, op.normalise != 0);
  const auto x = at::randn({tokens, 24}, at::kDouble).to(type),
             w = at::randn({experts, 24}, at::kDouble).to(type);
  const auto b = op.normalise ? at::randn({experts}, at::kDouble).to(type) : at::Tensor();
  const auto made = moe(op, x, {w, b, {}}, 0, held, {});
  CHECK(test::apart(made, expected(op, x, w, b, held)) < (type == at::kFloat ? 1e-5 : 1e-12));
  REQUIRE(std::ranges::is_sorted(held.wanted));
  REQUIRE(held.at == held.wanted.size());
}

TEST_CASE("equal scores choose as LibTorch's topk does", "[torch][moe]") {
  const c10::InferenceMode unrecorded;
  Held held(8, 4, 4, at::kFloat, true);
  auto op = moe_of(2, true);
  op.router_bias = STRATA_NONE;
  moe(op, at::randn({3, 4}, at::kFloat), {at::zeros({8, 4}, at::kFloat), {}, {}}, 0, held, {});
  auto [values, chosen] = at::softmax(at::zeros({3, 8}, at::kFloat), -1).topk(2);
  for (const auto e : held.wanted) CHECK(chosen.eq(static_cast<int64_t>(e)).any().item<bool>());
}

TEST_CASE("a token's experts give the same bits beside other tokens", "[torch][moe]") {
  const c10::InferenceMode unrecorded;
  Held held(4, 16, 20, at::kFloat, true);
  const auto op = moe_of(2, true);
  const auto x = at::randn({8, 16}, at::kFloat), w = at::randn({4, 16}, at::kFloat);
  const auto together = moe(op, x, {w, {}, {}}, 0, held, {});
  for (int64_t t = 0; t < 8; ++t)
    CHECK(moe(op, x.narrow(0, t, 1), {w, {}, {}}, 0, held, {}).equal(together.narrow(0, t, 1)));
}

TEST_CASE("a bias and groups choose experts, and the scores alone weigh them", "[torch][moe]") {
  const c10::InferenceMode unrecorded;
  Held held(6, 8, 12, at::kDouble, true);
  auto op = moe_of(3, true);
  op.route = STRATA_ROUTE_SIGMOID;
  op.normalise = 1;
  op.choice = 1, op.groups = 3, op.top_groups = 2, op.group_best = 2;
  const auto x = at::randn({20, 8}, at::kDouble), w = at::randn({6, 8}, at::kDouble).mul(0.3),
             choice = at::randn({6}, at::kFloat);
  const auto made = moe(op, x, {w, {}, choice}, 0, held, {});
  for (int64_t t = 0; t < x.size(0); ++t) {
    const auto scores = at::matmul(w, x[t]).sigmoid();
    const auto chosen = best_of_groups(scores.add(choice).contiguous());
    auto want = at::zeros({8}, at::kDouble);
    double sum = 0;
    for (const auto e : chosen) sum += scores[e].item<double>();
    for (const auto e : chosen) {
      const auto inner = at::silu(at::matmul(held.weight(e, gate), x[t]))
                             .mul(at::matmul(held.weight(e, up), x[t]));
      want.add_(at::matmul(held.weight(e, down), inner).mul(scores[e].item<double>() / sum));
    }
    CHECK(test::apart(made[t], want) < 1e-12);
  }
}

TEST_CASE("experts have biases, a limit of gate and up, and an offset of up", "[torch][moe]") {
  const c10::InferenceMode unrecorded;
  Held held(1, 24, 37, at::kDouble, GENERATE(true, false));
  auto op = moe_of(1, true);
  op.router_bias = STRATA_NONE;
  op.activation = STRATA_QUICK_GELU;
  op.gate_bias = gate_bias + 1, op.up_bias = up_bias + 1, op.down_bias = down_bias + 1;
  op.limit = 0.5, op.up_offset = 1;
  const auto x = at::randn({5, 24}, at::kDouble);
  const auto made = moe(op, x, {at::zeros({1, 24}, at::kDouble), {}, {}}, 0, held, {});
  const auto of = [&](const at::Tensor& in, uint32_t weight, uint32_t its_bias) {
    return at::matmul(in, held.weight(0, weight).t()).add(held.weight(0, its_bias));
  };
  const auto first = of(x, gate, gate_bias).clamp_max(0.5);
  const auto inner =
      first.mul(first.mul(1.702).sigmoid()).mul(of(x, up, up_bias).clamp(-0.5, 0.5).add(1));
  CHECK(test::apart(made, of(inner, down, down_bias)) < 1e-12);
}

TEST_CASE("a router in float32 scores what is narrower in float32", "[torch][moe]") {
  const c10::InferenceMode unrecorded;
  Held held(4, 16, 20, at::kBFloat16, true);
  const auto op = moe_of(1, true);
  const auto x = at::randn({1, 16}, at::kFloat).to(at::kBFloat16);
  // Two experts that bfloat16 cannot tell apart.
  auto w = at::zeros({4, 16}, at::kFloat);
  w[2].copy_(x[0].to(at::kFloat)), w[3].copy_(w[2].mul(1 + 1e-5));
  moe(op, x, {w, {}, {}}, 0, held, {});
  CHECK(held.wanted == std::vector<uint32_t>{3});
}

}  // namespace strata::torch
