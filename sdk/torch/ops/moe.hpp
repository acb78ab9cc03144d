// Routed experts.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include "core/run/compute.hpp"
#include "torch/adapters.hpp"
#include "torch/ops/expert.hpp"
#include "torch/ops/routing.hpp"
#include "torch/training.hpp"

namespace strata::torch {

// x [T,D] -> [T,D] of the declared unit `unit`: the router's weight in x's dtype or float32, scores
// in float32, as transformers does; its choice is added to the scores that choose. LibTorch's topk
// breaks ties, and `experts` brings the experts. It waits for the device once, since the host must
// know the choice. It computes each expert's tokens together and sums experts in ascending order
// wherever they are, so that every tier gives the same bits. The products of how.adapters are
// added to those of the router too. Not differentiable.
at::Tensor moe(const strata_op_moe& op, const at::Tensor& x, const Router& router, uint32_t unit,
               run::Experts& experts, const ExpertProducts& how);

// The same in training: with `recorded` it is differentiable. A unit that is run again has the
// choices of its first run, and waits for nothing. `adapters` outlives its backward. The experts
// are dense.
at::Tensor trained_moe(const strata_op_moe& op, const at::Tensor& x, const Router& router,
                       uint32_t unit, run::Experts& experts, const Adapters& adapters,
                       Training& training, Recorded* recorded);

}  // namespace strata::torch
