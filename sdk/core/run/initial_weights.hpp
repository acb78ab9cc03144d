// Weights drawn anew, for a model that has none: as transformers initialises it.
#pragma once
#include <cstdint>
#include <vector>

#include "core/run/model.hpp"
#include "core/source/import.hpp"

namespace strata::run {

// Every tensor of the family, by its names in a checkpoint and in the configuration's dtype.
// Biases are 0, norms 1, other weights normal with the configuration's initializer_range (OPT:
// init_std; 0.02 where neither is there), a value head uniform within 1/sqrt(columns), as a linear
// layer of PyTorch begins. A tensor's numbers follow from the seed, its name and the element alone.
std::vector<source::MadeTensor> initial_weights(const Model& model, std::uint64_t seed);

// The value head alone, of a model that is a critic.
source::MadeTensor initial_value_head(const Model& model, std::uint64_t seed);

}  // namespace strata::run
