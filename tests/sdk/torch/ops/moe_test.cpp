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

enum : uint32_t { router, bias, gate, up, down };

// Experts in memory of their own: a gate and an up that lie packed, or apart.
struct Held : run::Experts {
  Held(int64_t experts, int64_t hidden, int64_t ffn, at::ScalarType type, bool packed) {
    const auto wide = static_cast<uint64_t>(at::elementSize(type));
    const auto bytes = static_cast<uint64_t>(hidden * ffn) * wide;
    form.weights.resize(5);
    for (const auto index : {gate, up, down}) {
      auto& weight = form.weights[index];
      weight.shape = index == down ? std::vector{hidden, ffn} : std::vector{ffn, hidden};
      weight.group = packed && index != down ? 1 : 0;
      weight.run_bytes = bytes;
      weight.run_offset = (index - gate) * bytes;
    }
    for (int64_t e = 0; e < experts; ++e)
      memory.push_back(at::randn({3 * ffn * hidden}, at::kDouble).mul(0.2).to(type));
  }
  void need(uint32_t, std::span<const uint32_t> experts) override {
    wanted.assign(experts.begin(), experts.end());
    at = 0;
  }
  Expert take() override {
    return {&form, static_cast<const std::byte*>(memory[wanted.at(at++)].const_data_ptr())};
  }
  at::Tensor weight(int64_t e, uint32_t index) const {
    const auto& shape = form.weights[index].shape;
    return memory[static_cast<std::size_t>(e)]
        .narrow(0, (index - gate) * shape[0] * shape[1], shape[0] * shape[1])
        .view(shape)
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
  const auto made = moe(op, x, w, b, 0, held);
  CHECK(test::apart(made, expected(op, x, w, b, held)) < (type == at::kFloat ? 1e-5 : 1e-12));
  REQUIRE(std::ranges::is_sorted(held.wanted));
  REQUIRE(held.at == held.wanted.size());
}

TEST_CASE("equal scores choose as LibTorch's topk does", "[torch][moe]") {
  const c10::InferenceMode unrecorded;
  Held held(8, 4, 4, at::kFloat, true);
  auto op = moe_of(2, true);
  op.router_bias = STRATA_NONE;
  moe(op, at::randn({3, 4}, at::kFloat), at::zeros({8, 4}, at::kFloat), {}, 0, held);
  auto [values, chosen] = at::softmax(at::zeros({3, 8}, at::kFloat), -1).topk(2);
  for (const auto e : held.wanted) CHECK(chosen.eq(static_cast<int64_t>(e)).any().item<bool>());
}

TEST_CASE("a token's experts give the same bits beside other tokens", "[torch][moe]") {
  const c10::InferenceMode unrecorded;
  Held held(4, 16, 20, at::kFloat, true);
  const auto op = moe_of(2, true);
  const auto x = at::randn({8, 16}, at::kFloat), w = at::randn({4, 16}, at::kFloat);
  const auto together = moe(op, x, w, {}, 0, held);
  for (int64_t t = 0; t < 8; ++t)
    CHECK(moe(op, x.narrow(0, t, 1), w, {}, 0, held).equal(together.narrow(0, t, 1)));
}

}  // namespace strata::torch
