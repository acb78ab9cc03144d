// A rotary position embedding's cosines and sines, kept for a pass.
#pragma once
#include <ATen/core/Tensor.h>
#include <strata/abi/ops.h>

#include <string>
#include <string_view>
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

// "default", "linear", ...
std::string_view type_of(const strata_op_rope& op);

}  // namespace strata::torch
