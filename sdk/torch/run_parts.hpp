// Parallel work on LibTorch's own OpenMP thread pool: a second pool would compete for the cores.
#pragma once
#include <c10/util/FunctionRef.h>

namespace strata::torch {

// Runs f(0) to f(parts - 1), each on a thread; LibTorch's work inside one stays on that thread.
// After all are done, rethrows the exception of one of them.
void run_parts(int parts, c10::function_ref<void(int)> f);

}  // namespace strata::torch
