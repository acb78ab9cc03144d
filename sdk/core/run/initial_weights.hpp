// Random weights for a model that has none, as transformers initializes it.
#pragma once
#include <cstdint>
#include <vector>

#include "core/run/model.hpp"
#include "core/source/import.hpp"

namespace strata::run {

// Makes every tensor of the family, by its name in a checkpoint and in the configuration's dtype.
// Biases are 0, norms 1, other weights normal with the configuration's initializer_range (OPT:
// init_std; 0.02 where neither is there), a value head uniform within 1/sqrt(columns), as a linear
// layer of PyTorch begins. A tensor's numbers follow from the seed, its name and the element alone,
// and are drawn by so many threads (0: one for each core).
std::vector<source::MadeTensor> initial_weights(const Model& model, std::uint64_t seed,
                                                std::uint32_t threads = 0);

// Makes only the value head of a model that is a critic.
source::MadeTensor initial_value_head(const Model& model, std::uint64_t seed);

}  // namespace strata::run
