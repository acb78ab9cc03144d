#include "torch/run_parts.hpp"

#include <exception>

namespace strata::torch {

void run_parts(int parts, c10::function_ref<void(int)> f) {
  std::exception_ptr failure;
#pragma omp parallel for num_threads(parts) schedule(static, 1)
  for (int part = 0; part < parts; ++part) {
    try {
      f(part);
    } catch (...) {
#pragma omp critical(run_parts_failure)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace strata::torch
