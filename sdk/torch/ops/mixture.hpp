// The sum of a mixture layer's experts.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/run/compute.hpp"
#include "torch/ops/expert.hpp"
#include "torch/ops/routing.hpp"

namespace strata::torch {

// The sum over chosen experts of weight * expert, [T,D] -> [T,D], without a graph of the experts:
// each is taken, used for its tokens, and given up, in ascending order; for few tokens those that
// stay in their places are used at once, where their codec multiplies with several weights. `how`
// records no gradients.
at::Tensor mixture(const strata_op_moe& op, const at::Tensor& x, const Routed& routed,
                   uint32_t unit, run::Experts& experts, const ExpertProducts& how);

// The same; where x or the weights require gradients, its backward takes each expert again, records
// it alone, and writes the gradients of its weights, in the dtype `reduce`, to the memory that
// `experts` gives. `experts` and `adapters` outlive the backward.
at::Tensor recorded_mixture(const strata_op_moe& op, const at::Tensor& x, const Routed& routed,
                            uint32_t unit, run::Experts& experts, const Adapters* adapters,
                            at::ScalarType reduce);

}  // namespace strata::torch
