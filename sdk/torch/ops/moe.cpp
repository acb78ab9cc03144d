#include "torch/ops/moe.hpp"

#include <limits>

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/ops/adapted.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/functions.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

// The router's choices. Dims: T tokens, k experts of a token.
struct Routed {
  at::Tensor weights;             // [T*k], at least float32: the weight of each choice
  at::Tensor tokens;              // [T*k] int64, expert by expert: the token of a choice
  at::Tensor choices;             // [T*k] int64, alike: the index of a choice in `weights`
  std::vector<uint32_t> experts;  // the chosen experts, ascending
  std::vector<int64_t> ends;      // for each of these, the end of its choices
};

// Sorts the choices [T,k] by expert, on the host; those of an expert keep the order of their
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

// Whether two weights are adjacent, so that they can be one product.
bool packed(const zero::Unit& form, uint32_t first, uint32_t second) {
  const auto &a = form.weights[first], &b = form.weights[second];
  return a.group != 0 && a.group == b.group && a.run_offset + a.run_bytes == b.run_offset;
}

// The scores [T,X], with minus infinity for experts outside the best groups.
at::Tensor within_groups(const strata_op_moe& op, const at::Tensor& scores) {
  const auto grouped = scores.unflatten(1, {op.groups, -1});
  const auto best = std::get<0>(grouped.topk(op.group_best, -1)).sum(-1);
  const auto kept = std::get<1>(best.topk(op.top_groups, -1));
  const auto outside = best.new_ones(best.sizes(), at::kBool).scatter_(1, kept, false);
  constexpr auto never = -std::numeric_limits<double>::infinity();
  return grouped.masked_fill(outside.unsqueeze(-1), never).flatten(1);
}

// Chooses each token's best experts [T,k]; returns them with their scores.
std::tuple<at::Tensor, at::Tensor> choose(const strata_op_moe& op, const at::Tensor& scores,
                                          const at::Tensor& choice) {
  if (!choice.defined() && op.groups == 0) return scores.topk(op.top_k, -1);
  auto by = choice.defined() ? scores.add(choice) : scores;
  if (op.groups != 0) by = within_groups(op, by);
  auto chosen = std::get<1>(by.topk(op.top_k, -1));
  return {scores.gather(1, chosen), chosen};
}

Routed route(const strata_op_moe& op, const at::Tensor& x, const at::Tensor& router,
             const at::Tensor& bias, const at::Tensor& choice, const MoeAdapters& more) {
  const auto type = router.scalar_type();
  const auto plain = linear(x.to(type), router, bias.defined() ? bias.to(type) : bias);
  const auto logits = more.all ? adapted(plain, x, *more.all, more.router) : plain;
  const auto wide = logits.to(type == at::kDouble ? at::kDouble : at::kFloat);
  const auto scores = op.route == STRATA_ROUTE_SOFTMAX ? at::softmax(wide, -1) : wide.sigmoid();
  // The host has to know the choice. Made on the host, it is the same for every device where scores
  // tie.
  auto [weights, chosen] =
      choose(op, scores.to(at::kCPU), choice.defined() ? choice.to(at::kCPU) : choice);
  if (op.normalise) weights.div_(weights.sum(-1, true).clamp_min_(op.least_sum));
  if (op.scale != 1) weights.mul_(op.scale);
  Routed out;
  out.weights = uploaded(weights.flatten(), x.device());
  sort_choices(chosen, router.size(0), x.device(), out);
  return out;
}

// Computes f(gate) * up; overwrites both.
at::Tensor joined(const strata_op_moe& op, at::Tensor gate, at::Tensor up) {
  if (op.limit != 0) gate.clamp_max_(op.limit), up.clamp_(-op.limit, op.limit);
  if (op.up_offset != 0) up.add_(op.up_offset);
  return gated(static_cast<int32_t>(op.activation), gate, up);
}

// Computes down(f(gate(x)) * up(x)), or down(f(up(x))): [n,D] -> [n,D].
at::Tensor compute(const strata_op_moe& op, const at::Tensor& x, const run::Experts::Expert& expert,
                   const Adapters* adapters) {
  const auto* form = expert.form;
  const auto* weights = expert.weights;
  const auto added = [&](at::Tensor y, const at::Tensor& of, uint32_t index) {
    return adapters ? adapted(std::move(y), of, *adapters, form->weights[index].name) : y;
  };
  // A bias is counted from 1.
  const auto product = [&](const at::Tensor& of, uint32_t index, uint32_t bias) {
    auto y = linear(of, held(*form, index, weights, of),
                    bias == 0 ? at::Tensor() : held(*form, bias - 1, weights, of));
    return added(std::move(y), of, index);
  };
  const auto inner = [&] {
    if (op.gate == STRATA_NONE)
      return activation(static_cast<int32_t>(op.activation), product(x, op.up, op.up_bias));
    if (op.gate_bias != 0 || op.up_bias != 0 || !packed(*form, op.gate, op.up))
      return joined(op, product(x, op.gate, op.gate_bias), product(x, op.up, op.up_bias));
    const auto& first = form->weights[op.gate];
    const auto ffn = first.shape[0];
    const auto both = linear(x,
                             borrowed(weights + first.run_offset, {2 * ffn, first.shape[1]},
                                      x.scalar_type(), x.device()),
                             at::Tensor());
    return joined(op, added(both.narrow(1, 0, ffn), x, op.gate),
                  added(both.narrow(1, ffn, ffn), x, op.up));
  };
  return product(inner(), op.down, op.down_bias);
}

}  // namespace

at::Tensor moe(const strata_op_moe& op, const at::Tensor& x, const at::Tensor& router,
               const at::Tensor& bias, const at::Tensor& choice, uint32_t unit,
               run::Experts& experts, const MoeAdapters& more) {
  const auto routed = route(op, x, router, bias, choice, more);
  auto sum = at::zeros_like(x);
  experts.need(unit, routed.experts);
  int64_t first = 0;
  for (const auto end : routed.ends) {
    const auto tokens = routed.tokens.slice(0, first, end);
    const auto y = compute(op, x.index_select(0, tokens), experts.take(), more.all);
    const auto weight = routed.weights.index_select(0, routed.choices.slice(0, first, end));
    sum.index_add_(0, tokens, y.mul(weight.unsqueeze(1)).to(x.scalar_type()));
    first = end;
  }
  return sum;
}

void arithmetic::moe(UnitCall& on, const Args& args, Results out) {
  const auto& [op, x] = args.of<&strata_ops::moe>();
  if (!on.shared.experts || on.shared.recording)
    throw Error("moe", "no experts are brought in this run", "use a model without experts");
  out[0] = handle(
      torch::moe(*op, value_of(*x), on.weights.at(op->router), on.weight_or_none(op->router_bias),
                 op->choice == 0 ? at::Tensor() : on.weights.at(op->choice - 1), on.unit,
                 *on.shared.experts, {&on.shared.adapters, on.weights.name(op->router)}));
}

}  // namespace strata::torch
