#include "torch/train/pair_loss.hpp"

#include <ATen/ops/log_sigmoid.h>

#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

PairTokens tokens_of(std::span<const train::ComparedPair> pairs) {
  PairTokens out;
  out.pairs = static_cast<int64_t>(pairs.size());
  for (const auto side : {&train::ComparedPair::chosen, &train::ComparedPair::rejected})
    for (const auto& pair : pairs)
      for (int64_t t = 0; t < pair.count; ++t) out.rows.push_back(pair.*side + t);
  for (const auto end : {&train::ComparedPair::chosen_end, &train::ComparedPair::rejected_end})
    for (const auto& pair : pairs) out.rows.push_back(pair.*end);
  for (const auto& pair : pairs)
    out.weights.insert(out.weights.end(), static_cast<std::size_t>(pair.count),
                       1 / static_cast<double>(pair.count));
  return out;
}

PairLoss pair_loss(const at::Tensor& rewards, const PairTokens& tokens) {
  const c10::NoGradGuard by_hand;
  const auto type = rewards.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto wide = rewards.detach().to(type);
  const auto n = tokens.compared(), p = tokens.pairs;
  const auto weights = uploaded(at::tensor(tokens.weights, at::kDouble), wide.device()).to(type);
  const auto above = wide.narrow(0, 0, n).sub(wide.narrow(0, n, n));
  PairLoss out;
  out.sum = at::log_sigmoid(above).mul(weights).sum(at::kDouble).neg();
  const auto chosen = above.neg().sigmoid().mul(weights).neg();
  out.gradient = at::cat({chosen, chosen.neg()});
  out.right = wide.narrow(0, 2 * n, p).gt(wide.narrow(0, 2 * n + p, p)).sum();
  return out;
}

}  // namespace strata::torch
