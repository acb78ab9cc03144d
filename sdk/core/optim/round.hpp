// Stochastic rounding of float32 numbers to bfloat16.
//
// [Note: stochastic rounding] A bfloat16 has 8 significant bits, so that the next one is up to
// 1/128 of a weight away. Rounding to nearest drops every update below half of that distance,
// however often it comes: with a rate of 1e-5 a weight of 0.02, whose neighbors are 1.2e-4 away,
// would never move. Here each of the two neighbors is chosen with the chance that makes the mean
// exact, so that many small updates add up to their sum.
#pragma once
#include <cstdint>

namespace strata::optim {

// Names the random bits of one array in one update.
uint64_t rounding_key(uint64_t seed, uint64_t update, uint64_t unit);

// Sets to[i], a bfloat16, from from[i] for i in [0, count). The random bits are a function of `key`
// and of the element's number first + i alone, so that neither ranges, threads nor the processor
// matter. Numbers that a bfloat16 has stay as they are, infinities too; a NaN becomes 0x7fc0. A
// number beyond the largest bfloat16 may become infinity. The arrays do not overlap.
void round_stochastically(const float* from, uint16_t* to, uint64_t key, uint64_t first,
                          uint64_t count);

}  // namespace strata::optim
