// One expert of a mixture layer.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include "core/run/compute.hpp"
#include "torch/adapters.hpp"
#include "torch/gradients.hpp"

namespace strata::torch {

// Computes down(f(gate(x)) * up(x)), or down(f(up(x))): [n,D] -> [n,D]. Where gradients are
// recorded the backward adds those of the expert's weights to `gradients`, unless it is null.
// `adapters`: an adapter's products, which are added; null: none.
at::Tensor expert_output(const strata_op_moe& op, const at::Tensor& x,
                         const run::Experts::Expert& expert, Gradients* gradients = nullptr,
                         const Adapters* adapters = nullptr);

}  // namespace strata::torch
