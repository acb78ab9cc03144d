// Backward passes that give the same bits each time.
#pragma once
#include <ATen/core/Tensor.h>

namespace strata::torch {

// LibTorch's fused attention on a GPU adds the gradients of queries in the order in which its
// blocks finish, unless its setting for deterministic algorithms is on. Turns that on for the
// backward of `y`, the result of such an attention, and for nothing else: other ops become slower
// with it. Returns y.
at::Tensor repeatable(at::Tensor y);

}  // namespace strata::torch
