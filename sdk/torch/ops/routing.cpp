#include "torch/ops/routing.hpp"

#include <limits>

#include "torch/form.hpp"
#include "torch/ops/adapted.hpp"
#include "torch/ops/functions.hpp"
#include "torch/ops/scale_in_place.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// The scores [T,X], with minus infinity for experts outside the best groups.
at::Tensor within_groups(const strata_op_moe& op, const at::Tensor& scores) {
  const auto grouped = scores.unflatten(1, {op.groups, -1});
  const auto best = std::get<0>(grouped.topk(op.group_best, -1)).sum(-1);
  const auto kept = std::get<1>(best.topk(op.top_groups, -1));
  const auto outside = best.new_ones(best.sizes(), at::kBool).scatter_(1, kept, false);
  constexpr auto never = -std::numeric_limits<double>::infinity();
  return grouped.masked_fill(outside.unsqueeze(-1), never).flatten(1);
}

}  // namespace

at::Tensor router_logits(const at::Tensor& x, const Router& router, const Adapters* adapters) {
  const auto type = router.weight.scalar_type();
  const auto bias = router.bias.defined() ? router.bias.to(type) : router.bias;
  auto logits = differentiable_linear(x.to(type), router.weight, bias);
  if (adapters) logits = adapted(std::move(logits), x, *adapters, router.name);
  return logits.to(type == at::kDouble ? at::kDouble : at::kFloat);
}

at::Tensor router_scores(const strata_op_moe& op, const at::Tensor& logits) {
  return op.route == STRATA_ROUTE_SOFTMAX ? at::softmax(logits, -1) : logits.sigmoid();
}

std::tuple<at::Tensor, at::Tensor> choose(const strata_op_moe& op, const at::Tensor& scores,
                                          const at::Tensor& choice) {
  if (!choice.defined() && op.groups == 0) return scores.topk(op.top_k, -1);
  auto by = choice.defined() ? scores.add(choice) : scores;
  if (op.groups != 0) by = within_groups(op, by);
  auto chosen = std::get<1>(by.topk(op.top_k, -1));
  return {scores.gather(1, chosen), chosen};
}

at::Tensor routing_weights(const strata_op_moe& op, at::Tensor scores) {
  const bool in_place = !at::GradMode::is_enabled();
  if (op.normalise) {
    const auto sums = scores.sum(-1, true).clamp_min(op.least_sum);
    scores = in_place ? scores.div_(sums) : scores.div(sums);
  }
  if (op.scale == 1) return scores;
  if (!in_place) return scores.mul(op.scale);
  scale_in_place(scores, op.scale);
  return scores;
}

Routed sorted(const at::Tensor& chosen, int64_t experts, const at::Tensor& weights) {
  Routed out;
  out.weights = weights.flatten();
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
  const auto there = uploaded(order, weights.device());
  out.tokens = there.select(0, 0);
  out.choices = there.select(0, 1);
  return out;
}

}  // namespace strata::torch
