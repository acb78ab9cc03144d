// Blocks with their codes in one tensor of a checkpoint and their scales in another.
#pragma once
#include <vector>

#include "core/source/tensor.hpp"

namespace strata::source {

// Makes "x" [..,32 n] of the scheme "MXFP4_SPLIT" from "x_blocks" [..,n,16] and "x_scales" [..,n],
// both bytes. OpenAI and transformers store MXFP4 so: a byte holds two neighbors, the first in its
// lower half. A tensor without such a partner, or with another shape, stays as it is.
void join_block_pairs(std::vector<Tensor>& tensors);

}  // namespace strata::source
