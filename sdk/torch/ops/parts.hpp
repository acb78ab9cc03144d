// Loops of this project's own, where LibTorch's many small ops or its products for a few tokens
// take longer than the arithmetic: float32 in host memory, when no gradient is recorded.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/FunctionRef.h>

#include <cstdint>

namespace strata::torch {

inline bool plain_loops(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && !c10::GradMode::is_enabled();
}

// The same for ops whose backward is autograd's. Units in training have the same bits whether they
// are recorded or not, so that they compute these ops as autograd records them.
inline bool inference_loops(const at::Tensor& x) {
  return plain_loops(x) && c10::InferenceMode::is_enabled();
}

// Calls f(first, last) over [0, n), cut into as many parts as there are compute threads, or fewer
// where an item costs too few `steps` of arithmetic. f must not throw.
void in_parts(int64_t n, int64_t steps, c10::function_ref<void(int64_t, int64_t)> f);

}  // namespace strata::torch
