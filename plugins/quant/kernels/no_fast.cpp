// This stands for fast.cpp on processors for which no fast products are written.
#include "kernels/activations.hpp"
#include "kernels/group_panel.hpp"

namespace strata::kernels {

bool can_multiply_fast() { return false; }

void round_activations(const float*, int64_t, Offsets, Activations*) {}

RoundedSum round_activations(const float*, int8_t*) { return {}; }

void multiply_fast(Block, const Panel&, const Activations*, int64_t) {}

void multiply_groups_fast(const GroupPanel&, void*) {}

}  // namespace strata::kernels
