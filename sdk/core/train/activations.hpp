// The activations of a micro-batch: the bytes that the device holds of them, and their computation.
#pragma once
#include <cstdint>
#include <vector>

#include "core/train/prepare.hpp"

namespace strata::train {

struct Activations {
  uint64_t most = 0;    // bytes of one unit's rerun, at most
  uint64_t graphs = 0;  // of all units' graphs at once, with the most that a backward takes beside
  // By unit, as TrainingPlan has them.
  std::vector<double> flops;
  std::vector<uint32_t> top_k;
};

// Measures every unit of a plan, whose units and products are there. Throws Error where the model
// has learned fewer positions than the longest sequence has.
Activations measure_activations(const run::Model& model, const TrainingRequest& request,
                                const TrainingPlan& plan);

}  // namespace strata::train
