// The codec of GGUF's blocks. The CPU multiplies most of them as they lie, GPUs those that come
// into groups.
#include <kernels/beside_groups.hpp>

#include "blocks.hpp"

using GgufCodec = strata::kernels::BesideGroups<gguf::Blocks>;

STRATA_QUANT_PLUGIN(GgufCodec, "gguf", "1.0.0");
