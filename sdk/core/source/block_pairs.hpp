// Blocks of which a checkpoint has the codes in one tensor and the scales in another.
#pragma once
#include <vector>

#include "core/source/tensor.hpp"

namespace strata::source {

// Of "x_blocks" [..,n,16] and "x_scales" [..,n], both bytes, makes "x" [..,32 n] of the scheme
// "MXFP4_SPLIT": as OpenAI and transformers store MXFP4, of which a byte holds two neighbours, the
// first in its lower half. What has no such partner, or another shape, stays as it is.
void join_block_pairs(std::vector<Tensor>& tensors);

}  // namespace strata::source
