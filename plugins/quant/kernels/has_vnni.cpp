// Whether the processor has what the other files with such names are compiled for.
#include "kernels/activations.hpp"

namespace strata::kernels {

bool can_multiply_fast() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}

}  // namespace strata::kernels
