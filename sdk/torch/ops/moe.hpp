// Routed experts.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include <string>

#include "core/run/compute.hpp"
#include "torch/adapters.hpp"

namespace strata::torch {

// An adapter's products beside those of the experts, and of the router with its weight's name.
struct MoeAdapters {
  const Adapters* all = nullptr;  // null: none
  std::string router;
};

// x [T,D] -> [T,D] of the declared unit `unit`: router [X,D], in x's dtype or float32, with a bias
// [X] or none, scores in float32, as transformers does; choice [X] or none is added to the scores
// that choose. LibTorch's topk breaks ties, and `experts` brings the experts. It waits for the
// device once, since the host must know the choice. It computes each expert's tokens together and
// sums experts in ascending order wherever they are, so that every tier gives the same bits. Not
// differentiable.
at::Tensor moe(const strata_op_moe& op, const at::Tensor& x, const at::Tensor& router,
               const at::Tensor& bias, const at::Tensor& choice, uint32_t unit,
               run::Experts& experts, const MoeAdapters& more = {});

}  // namespace strata::torch
