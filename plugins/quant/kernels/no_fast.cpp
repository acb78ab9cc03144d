// This stands for fast.cpp on processors for which no fast products are written.
#include "kernels/activations.hpp"

namespace strata::kernels {

bool can_multiply_fast() { return false; }

void round_activations(const float*, int64_t, Offsets, Activations*) {}

void multiply_fast(Block, const Panel&, const Activations*, int64_t) {}

}  // namespace strata::kernels
