// A small family with a unit of each kind that training treats differently, and the same arithmetic
// on LibTorch's own ops, one row after the other, as the reference.
#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "tests/sdk/core/shape/family.hpp"

namespace strata::torch::test {

// Dims of the family: vocabulary, positions, hidden, ffn, heads, kv heads, head dim, experts,
// chosen.
struct Small {
  static constexpr int64_t V = 23, P = 16, D = 12, F = 20, H = 4, K = 2, E = 6, X = 5, k = 2;
  double drop, attention_drop;
  bool sigmoid;

  explicit Small(const strata::Config& c)
      : drop(c.f64("dropout", 0)), attention_drop(c.f64("attention_dropout", 0)),
        sigmoid(c.flag("sigmoid", false)) {}

  void declare(strata::Declarer& d) const {
    d.embedding().weight("embed.weight", {V, D}).weight("positions.weight", {P, D});
    d.unit("a.").weight("norm.weight", {D}).weight("norm.bias", {D});
    d.group({{"q.weight", {H * E, D}}, {"k.weight", {K * E, D}}, {"v.weight", {K * E, D}}});
    d.group({{"q.bias", {H * E}}, {"k.bias", {K * E}}, {"v.bias", {K * E}}});
    d.weight("o.weight", {D, H * E}).weight("o.bias", {D});
    d.unit("b.").weight("norm.weight", {D}).weight("twice.weight", {D, D});
    d.group({{"gate.weight", {F, D}}, {"up.weight", {F, D}}});
    d.weight("unused.weight", {7, 3}).weight("down.weight", {D, F});
    d.unit("c.").weight("norm.weight", {D}).weight("router.weight", {X, D}, {.router = true});
    const strata::WeightOptions of{.experts = X};
    d.group({{"experts.{}.gate.weight", {F, D}, of}, {"experts.{}.up.weight", {F, D}, of}});
    d.weight("experts.{}.down.weight", {D, F}, of);
    d.weight("shared.weight", {D, D});
    d.head().weight("norm.weight", {D}).weight("head.weight", {V, D});
  }

  strata::Tensor forward(const strata::Ops& op, int64_t unit, const strata::Tensor& x) const {
    switch (unit) {
      case 0:
        return op.dropout(op.embedding(x, "embed") + op.positions("positions"), drop);
      case 1: {
        const auto in = op.norm(x, "norm", strata::LayerNorm{});
        auto [q, k_, v] = op.linear(in, {"q", "k", "v"});
        // Without the norm the bias of the keys would have no gradient.
        const auto keys = op.norm(op.heads(k_, E), strata::RmsNorm{});
        const auto y = op.attention(op.heads(q, E), keys, op.heads(v, E),
                                    {.layer = 0, .window = 5, .dropout = attention_drop});
        return x + op.dropout(op.linear(y, "o"), drop);
      }
      case 2: {
        const auto in = op.norm(x, "norm", strata::RmsNorm{});
        const auto [gate, up] =
            op.linear(op.linear(op.linear(in, "twice"), "twice"), {"gate", "up"});
        return x + op.linear(op.silu_mul(gate, up), "down");
      }
      case 3: {
        const auto in = op.norm(x, "norm", strata::RmsNorm{});
        const auto routed =
            op.moe(in, {.router = "router",
                        .gate = "experts.{}.gate",
                        .up = "experts.{}.up",
                        .down = "experts.{}.down",
                        .top_k = k,
                        .route = uint32_t{sigmoid ? STRATA_ROUTE_SIGMOID : STRATA_ROUTE_SOFTMAX},
                        .normalize = true,
                        .scale = 1.5});
        return x + op.linear(in, "shared") + routed;
      }
      default:
        return op.soft_cap(op.linear(op.norm(x, "norm", strata::RmsNorm{}), "head"), 5);
    }
  }
};

using Weights = std::map<std::string, at::Tensor>;

// The reference's results for one row.
struct SmallResult {
  at::Tensor logits;  // [n,V]
  at::Tensor router;  // [n,X]: the router's logits
};
// ids [n]; the weights are float64.
SmallResult small_reference(const Weights& w, const at::Tensor& ids, bool sigmoid = false);

}  // namespace strata::torch::test
