// LibTorch's own pool of threads, that of OpenMP: a second pool would fight it for the cores.
#pragma once
#include <c10/util/FunctionRef.h>

namespace strata::torch {

// f(0) to f(parts - 1), each on a thread; what torch computes in one stays on that thread. Throws
// what one of them has thrown, after all are done.
void run_parts(int parts, c10::function_ref<void(int)> f);

}  // namespace strata::torch
