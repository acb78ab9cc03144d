// The ops behind call(name, attributes), from which attention backends on ops are built.
#pragma once
#include <ATen/core/Tensor.h>

#include <span>
#include <string_view>

#include "core/plugin/ops.hpp"
#include "torch/attributes.hpp"
#include "torch/ops/packed.hpp"
#include "torch/pass.hpp"

namespace strata::torch {

// The inputs in[] of each op, its result and, behind ";", its attributes; an input "or null" may be
// absent. Dims as in packed.hpp.
//   pad           x [T,...], starts -> [S,Q,...]
//   unpad         x [S,Q,...], starts -> [T,...]
//   keys          cache [blocks,block,K,E] or x [T,K,E], table or null, starts, lengths
//                 -> [S,L,K,E]
//   mask          starts, lengths, slopes or null -> float32 [S,1 or H,Q,L]; causal, window
//   scores        q [S,Q,H,E], k [S,L,K,E] -> [S,H,Q,L]; scale
//   softmax       scores, mask, sinks or null -> [S,H,Q,L]
//   weighted_sum  p [S,H,Q,L], v [S,L,K,E] -> [S,Q,H*E]
//   scaled_dot_product_attention
//                 q [T,H,E], k, v, table or null, starts, lengths -> [T,H*Ev]; scale, causal,
//                 window, dropout
// Refuses an unknown name, with the list of names, a wrong number of tensors, and dropout without
// `dropping`.
plugin::Handle call_named(std::string_view name, const Attributes& attributes, Pass& pass,
                          std::span<strata_tensor* const> in, const Dropping* dropping = nullptr);

}  // namespace strata::torch
