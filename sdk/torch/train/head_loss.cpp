#include "torch/train/head_loss.hpp"

#include <ATen/ops/full_like.h>
#include <ATen/ops/logsumexp.h>

#include "torch/pch.hpp"

namespace strata::torch {

RowsLoss rows_loss(const at::Tensor& logits, const Goals& goals, bool gradient) {
  const c10::NoGradGuard by_hand;
  const auto type = logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  // One matrix beside the logits, which becomes the gradient in place.
  auto wide = logits.detach().to(type, false, true);
  const auto targets = goals.targets.unsqueeze(1), weights = goals.weights.to(type).unsqueeze(1);
  const auto sums = at::logsumexp(wide, at::IntArrayRef({1}), true);
  const double sharp = 1 - goals.smoothing;
  auto entropy = sums.sub(wide.gather(1, targets)).mul_(sharp);
  if (goals.smoothing != 0) entropy.add_(sums.sub(wide.mean(1, true)).mul_(goals.smoothing));
  RowsLoss out;
  out.sum = entropy.mul_(weights).sum(at::kDouble);
  if (!gradient) return out;
  wide.sub_(sums).exp_();
  if (goals.smoothing != 0) wide.sub_(goals.smoothing / static_cast<double>(wide.size(1)));
  wide.scatter_add_(1, targets, at::full_like(sums, -sharp));
  out.gradient = wide.mul_(weights);
  return out;
}

}  // namespace strata::torch
