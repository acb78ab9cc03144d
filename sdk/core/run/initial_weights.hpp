// Random weights for a model that has none, as transformers initializes it.
#pragma once
#include <cstdint>
#include <string_view>
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

// Adds the value head to the critic's checkpoint, unless that has one by any spelling of its name.
void add_value_head(Model& critic, std::uint64_t seed);

// The key of a tensor's numbers in their draw, so that they do not depend on those of other
// tensors.
std::uint64_t key_of(std::string_view name);

// A number of the standard normal distribution that follows from the three alone.
double normal(std::uint64_t seed, std::uint64_t key, std::uint64_t element);

}  // namespace strata::run
