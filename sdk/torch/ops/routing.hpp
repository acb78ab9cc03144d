// The choice of experts for each token.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include <string>
#include <vector>

#include "torch/adapters.hpp"

namespace strata::torch {

// The choices of a router, by expert. Dims: T tokens, X experts, k experts of a token.
struct Routed {
  at::Tensor weights;             // [T*k], at least float32: the weight of each choice
  at::Tensor tokens;              // [T*k] int64, expert by expert: the token of a choice
  at::Tensor choices;             // [T*k] int64, alike: the index of a choice in `weights`
  std::vector<uint32_t> experts;  // the chosen experts, ascending
  std::vector<int64_t> ends;      // for each of these, the end of its choices
};

// The tensors of a router: weight [X,D]; bias [X] and choice [X] may be undefined.
struct Router {
  at::Tensor weight, bias, choice;
  std::string name{};  // the weight's
};

// x [T,D] -> logits [T,X] in at least float32. `adapters`: an adapter's products; null: none.
at::Tensor router_logits(const at::Tensor& x, const Router& router,
                         const Adapters* adapters = nullptr);
// The scores [T,X] of the op's kind. Differentiable.
at::Tensor router_scores(const strata_op_moe& op, const at::Tensor& logits);
// Chooses each token's best experts by scores [T,X]; `choice` [X], or undefined, is on the same
// device. Returns the chosen ones' scores [T,k], and the experts [T,k] int64.
std::tuple<at::Tensor, at::Tensor> choose(const strata_op_moe& op, const at::Tensor& scores,
                                          const at::Tensor& choice);
// The weights of chosen scores [T,k], made in place unless gradients are recorded.
at::Tensor routing_weights(const strata_op_moe& op, at::Tensor scores);
// Sorts the choices [T,k], on the host, by expert; those of an expert keep the order of their
// tokens. `weights` [T,k] are on the device of the tokens.
Routed sorted(const at::Tensor& chosen, int64_t experts, const at::Tensor& weights);

}  // namespace strata::torch
