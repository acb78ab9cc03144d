// Rotary position embeddings.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include <string>
#include <vector>

namespace strata::torch {

// The rotation of heads of one kind in a pass: made for the first layer that needs it, kept for the
// others.
struct Turn {
  strata_op_rope op{};  // its pointers are to the members below
  std::string type;
  std::vector<double> short_factors, long_factors;
  int64_t head = 0;
  at::ScalarType dtype = at::kFloat;
  at::Tensor cos, sin;  // [T,1,dim] of dtype

  bool serves(const strata_op_rope& wanted, int64_t head_dim, at::ScalarType type_of_x) const;
};

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
