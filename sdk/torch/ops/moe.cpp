#include "torch/ops/moe.hpp"

#include "torch/form.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// What the router chose. Dims: T tokens, k experts of a token.
struct Routed {
  at::Tensor weights;             // [T*k], at least float32, of each choice
  at::Tensor tokens;              // [T*k] int64, expert by expert: the token of a choice
  at::Tensor choices;             // [T*k] int64, alike: which of `weights` it is
  std::vector<uint32_t> experts;  // that were chosen, ascending
  std::vector<int64_t> ends;      // of these, where each one's choices end
};

// Sorts the choices [T,k], on the host, by expert; those of an expert stay in the order of their
// tokens.
void sort_choices(const at::Tensor& chosen, int64_t experts, const at::Device& device,
                  Routed& out) {
  const auto* expert = chosen.const_data_ptr<int64_t>();
  const auto all = chosen.numel(), each = chosen.size(1);
  std::vector<int64_t> next(static_cast<std::size_t>(experts) + 1, 0);
  for (int64_t i = 0; i < all; ++i) ++next[static_cast<std::size_t>(expert[i]) + 1];
  for (std::size_t e = 0; e < static_cast<std::size_t>(experts); ++e) {
    next[e + 1] += next[e];
    if (next[e + 1] == next[e]) continue;
    out.experts.push_back(static_cast<uint32_t>(e));
    out.ends.push_back(next[e + 1]);
  }
  const auto order = at::empty({2, all}, at::TensorOptions().dtype(at::kLong));
  auto* tokens = order.data_ptr<int64_t>();
  auto* choices = tokens + all;
  for (int64_t i = 0; i < all; ++i) {
    const auto at = next[static_cast<std::size_t>(expert[i])]++;
    tokens[at] = i / each;
    choices[at] = i;
  }
  const auto there = uploaded(order, device);
  out.tokens = there.select(0, 0);
  out.choices = there.select(0, 1);
}

at::Tensor held(const zero::Unit& form, uint32_t index, const std::byte* weights,
                const at::Tensor& like) {
  const auto& w = form.weights[index];
  return borrowed(weights + w.run_offset, w.shape, like.scalar_type(), like.device());
}

// Two weights that lie one behind the other are one product.
bool packed(const zero::Unit& form, uint32_t first, uint32_t second) {
  const auto &a = form.weights[first], &b = form.weights[second];
  return a.group != 0 && a.group == b.group && a.run_offset + a.run_bytes == b.run_offset;
}

Routed route(const strata_op_moe& op, const at::Tensor& x, const at::Tensor& router,
             const at::Tensor& bias) {
  const auto logits = linear(x, router, bias);
  const auto wide = logits.to(logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  const auto scores = op.route == STRATA_ROUTE_SOFTMAX ? at::softmax(wide, -1) : wide.sigmoid();
  // The host has to know the choice. Made there, it is the same on every device where scores tie.
  auto [weights, chosen] = scores.to(at::kCPU).topk(op.top_k, -1);
  if (op.normalise) weights.div_(weights.sum(-1, true));
  if (op.scale != 1) weights.mul_(op.scale);
  Routed out;
  out.weights = uploaded(weights.flatten(), x.device());
  sort_choices(chosen, router.size(0), x.device(), out);
  return out;
}

// down(f(gate(x)) * up(x)), or down(f(up(x))): [n,D] -> [n,D].
at::Tensor compute(const strata_op_moe& op, const at::Tensor& x,
                   const run::Experts::Expert& expert) {
  const auto& [form, weights] = expert;
  const auto f = static_cast<int32_t>(op.activation);
  const auto product = [&](uint32_t index) {
    return linear(x, held(*form, index, weights, x), at::Tensor());
  };
  const auto inner = [&] {
    if (op.gate == STRATA_NONE) return activation(f, product(op.up));
    if (!packed(*form, op.gate, op.up)) return gated(f, product(op.gate), product(op.up));
    const auto& first = form->weights[op.gate];
    const auto ffn = first.shape[0];
    const auto both = linear(x,
                             borrowed(weights + first.run_offset, {2 * ffn, first.shape[1]},
                                      x.scalar_type(), x.device()),
                             at::Tensor());
    return gated(f, both.narrow(1, 0, ffn), both.narrow(1, ffn, ffn));
  };
  return linear(inner(), held(*form, op.down, weights, x), at::Tensor());
}

}  // namespace

at::Tensor moe(const strata_op_moe& op, const at::Tensor& x, const at::Tensor& router,
               const at::Tensor& bias, uint32_t unit, run::Experts& experts) {
  const auto routed = route(op, x, router, bias);
  auto sum = at::zeros_like(x);
  experts.need(unit, routed.experts);
  int64_t first = 0;
  for (const auto end : routed.ends) {
    const auto tokens = routed.tokens.slice(0, first, end);
    const auto y = compute(op, x.index_select(0, tokens), experts.take());
    const auto weight = routed.weights.index_select(0, routed.choices.slice(0, first, end));
    sum.index_add_(0, tokens, y.mul(weight.unsqueeze(1)).to(x.scalar_type()));
    first = end;
  }
  return sum;
}

}  // namespace strata::torch
