// Families whose modules have trained products, and autograd over the same models with the products
// merged into their weights.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/adapter/modules.hpp"
#include "tests/sdk/torch/train/small_family.hpp"

namespace strata::torch::test {

// The small family with names for its stacked experts, whose rows alternate, and with a tied head,
// if its configuration says so.
struct Adaptable : Small {
  bool tied, by_turns;

  explicit Adaptable(const strata::Config& c)
      : Small(c), tied(c.flag("tied", false)), by_turns(c.flag("by_turns", false)) {}

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
    const strata::WeightOptions joint{
        .experts = X, .also = "experts.gate_up_proj", .by_turns = by_turns};
    const strata::WeightOptions single{.experts = X, .also = "experts.down_proj"};
    d.group({{"experts.{}.gate.weight", {F, D}, joint}, {"experts.{}.up.weight", {F, D}, joint}});
    d.weight("experts.{}.down.weight", {D, F}, single);
    d.weight("shared.weight", {D, D});
    d.head().weight("norm.weight", {D}).weight(tied ? "embed.weight" : "head.weight", {V, D});
  }

  strata::Tensor forward(const strata::Ops& op, int64_t unit, const strata::Tensor& x) const {
    if (unit != 4 || !tied) return Small::forward(op, unit, x);
    return op.soft_cap(op.linear(op.norm(x, "norm", strata::RmsNorm{}), "embed"), 5);
  }
};

using Wanted = std::function<bool(const adapter::Module&)>;
inline bool every(const adapter::Module&) { return true; }
inline Wanted named(const std::string& name) {
  return [name](const adapter::Module& module) { return module.name == name; };
}

// Products of rank 3 for those of the family's modules that are wanted, but none for its table of
// positions. Their weights are numbered A, B, A, B, ...
train::Products some_products(const plugin::Family& family, bool tied, const Wanted& wanted,
                              double dropout = 0);

// The adaptable family opened, for training with frozen weights.
struct AdaptableFamily {
  explicit AdaptableFamily(bool as_tied = false, const std::string& more = "")
      : tied(as_tied),
        opened(SmallFamily::config((tied ? R"(, "tied": true, "by_turns": true)" : "") + more)) {}
  train::Products products(const Wanted& wanted, double dropout = 0) const {
    return some_products(*opened, tied, wanted, dropout);
  }
  Taught taught(TaughtOptions options) const {
    options.frozen = [](const zero::Unit&) { return true; };
    return {*opened, opened->host(), std::move(options)};
  }

  bool tied;
  Opened<Adaptable> opened;
};

// Gives a weight that several units have the same values in each, as those of a tied head.
void tie(Taught& taught);

struct MergedResult {
  double loss = 0;
  std::map<std::string, at::Tensor> gradients;  // of the products' weights, by their names
};
// Loss and gradients by autograd over the adaptable model with weights W + scale * B A, one row
// after the other. `weights` has those of the model and of the products.
MergedResult by_merging(Weights weights, const train::Products& products,
                        const std::vector<Rows>& batches, const train::StepSettings& step);

}  // namespace strata::torch::test
