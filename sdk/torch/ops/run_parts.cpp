#include "torch/ops/run_parts.hpp"

namespace strata::torch {

void run_parts(int parts, c10::function_ref<void(int)> f) {
#pragma omp parallel for num_threads(parts) schedule(static, 1)
  for (int part = 0; part < parts; ++part) f(part);
}

}  // namespace strata::torch
