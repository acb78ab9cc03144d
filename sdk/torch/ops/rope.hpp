// Rotary position embeddings.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include <vector>

#include "torch/turn.hpp"

namespace strata::torch {

// A sequence as length-dependent scalings see it.
struct TurnedSequence {
  int64_t count, length;
};

// Makes the rotation of tokens at `positions` [T] int64, with the sequences one after the other.
Turn turn(const strata_op_rope& op, int64_t head, at::ScalarType dtype, const at::Tensor& positions,
          const std::vector<TurnedSequence>& sequences);

// Rotates x [T,H,E]; dimensions beyond op.dim stay as they are.
at::Tensor rope(const at::Tensor& x, const Turn& turn);

// The radians per position, [dim/2] float32 on the CPU, as transformers' modeling_rope_utils
// computes them. `length` is the sequence's, for the scalings that depend on it. Refuses an unknown
// type.
at::Tensor rope_frequencies(const strata_op_rope& op, int64_t dim, int64_t length);
bool depends_on_length(const strata_op_rope& op);

}  // namespace strata::torch
