// Chooses the fast products that suit the processor.
#include "kernels/activations.hpp"

namespace strata::kernels {

namespace {

// The rest of AVX-512 that fast_vnni.cpp is compiled for is what vectors of 512 bits need.
bool has_vnni() { return vector_bits() == 512 && __builtin_cpu_supports("avx512vnni"); }

}  // namespace

bool can_multiply_fast() { return vector_bits() >= 256; }

void multiply_fast(Block block, const Panel& panel, const Activations* x, int64_t ldx) {
  if (has_vnni())
    vnni::multiply(block, panel, x, ldx);
  else
    avx2::multiply(block, panel, x, ldx);
}

}  // namespace strata::kernels
