// Sums over gradients, their norm and their accumulation.
#pragma once
#include <cstdint>
#include <span>

#include "core/optim/dtypes.hpp"

namespace strata::optim {

// The elements of one partial sum of squares.
inline constexpr uint64_t square_block = 65536;
inline uint64_t square_blocks(uint64_t count) { return (count + square_block - 1) / square_block; }

// Sums the squares of an array of `count` elements of f32, bf16 or f16, block by block in float64:
// fills partials[b] for b in [first_block, first_block + blocks). Any division into ranges of
// blocks and any processor give the same bits. A partial is not finite if and only if an element of
// its block is not.
void square_sums(strata_dtype dtype, const void* values, uint64_t count, uint64_t first_block,
                 uint64_t blocks, double* partials);

// The sum of the partials, one after the other.
double total(std::span<const double> partials);

// The factor of gradients whose norm must not exceed `most`: min(1, most / (norm + 1e-6)), as in
// torch.nn.utils.clip_grad_norm_ and DeepSpeed; 1 if `most` is 0, which means no clipping.
double clip_factor(double norm, double most);

// to[i] += from[i] for i in [first, first + count), `from` of f32, bf16 or f16, in float32.
void add(float* to, strata_dtype dtype, const void* from, uint64_t first, uint64_t count);

}  // namespace strata::optim
