// Experts of a mixture layer.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include <span>

#include "core/run/compute.hpp"
#include "torch/adapters.hpp"
#include "torch/coded_weight.hpp"
#include "torch/gradients.hpp"

namespace strata::torch {

// The things that an expert's products have beside its weights; a null member: it is not there.
struct ExpertProducts {
  Gradients* gradients = nullptr;       // where gradients are recorded: those of dense weights
  const Adapters* adapters = nullptr;   // an adapter's products, which are added
  const CodecCall* codec = nullptr;     // needed for weights in their codec's form
  run::InputSquares* inputs = nullptr;  // gets the squares of what each product takes
};

// Computes down(f(gate(x)) * up(x)), or down(f(up(x))): [n,D] -> [n,D]. Where gradients are
// recorded the backward adds those of the expert's weights, which are dense, to `gradients`.
at::Tensor expert_output(const strata_op_moe& op, const at::Tensor& x,
                         const run::Experts::Expert& expert, const ExpertProducts& how);

// Whether one product of each kind serves all of these experts, for so many rows in all of the
// dtype and device of x: their matrices are of one scheme, whose plugin computes it.
bool can_group(const strata_op_moe& op, const at::Tensor& x, int64_t rows,
               std::span<const run::Experts::Expert> experts, const ExpertProducts& how);

// The outputs of several experts, each for the rows behind those of the one before it, up to its
// number in `ends`. Rows have the bits of expert_output. It needs can_group.
at::Tensor expert_outputs(const strata_op_moe& op, const at::Tensor& x,
                          std::span<const run::Experts::Expert> experts,
                          std::span<const int64_t> ends, const ExpertProducts& how);

}  // namespace strata::torch
