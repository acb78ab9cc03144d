// This stands for fast.cpp on processors for which no fast products are written.
#include "kernels/activations.hpp"
#include "kernels/group_panel.hpp"

namespace strata::kernels {

bool can_multiply_fast() { return false; }

void round_activations(const float*, int64_t, Offsets, Activations*) {}

void multiply_fast(Block, const Panel&, const Activations*, int64_t) {}

void multiply_groups_fast(const GroupPanel&, const Activations*, int64_t) {}

}  // namespace strata::kernels
