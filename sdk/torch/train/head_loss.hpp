// The loss of some tokens' logits, and its gradient.
#pragma once
#include <ATen/core/Tensor.h>

namespace strata::torch {

// The targets that some logits are to predict.
struct Goals {
  at::Tensor targets;  // [n] int64
  at::Tensor weights;  // [n] float32 or float64
  double smoothing = 0;
};

struct RowsLoss {
  at::Tensor sum;       // float64: of weight * cross entropy
  at::Tensor gradient;  // [n,V] of the sum, in the dtype of the arithmetic; undefined if not wanted
};

// The cross entropy of logits [n,V], computed in float32 or, of float64, in float64. With smoothing
// s a target has the probability 1 - s, and s is shared by all V evenly, as in PyTorch's
// cross_entropy.
RowsLoss rows_loss(const at::Tensor& logits, const Goals& goals, bool gradient);

}  // namespace strata::torch
