// The tiers that hold the weights and the optimizer's states of a training.
#pragma once
#include <strata/app.hpp>
#include <vector>

#include "app/finetune_options.hpp"
#include "app/plugins.hpp"
#include "core/train/states.hpp"

namespace strata::app {

struct TrainingTiers {
  const registry::Candidate* weights = nullptr;
  const registry::Candidate* states = nullptr;
  bool weights_in_files = false, states_in_files = false;  // the tier maps no memory
};

// The tiers to try in turn, at least one: the first one whose parts fit RunOptions::host_memory is
// taken. States go where the weights are; where the options leave the places open and memory has a
// limit, states go to files next, and then the weights too. Throws UsageError for a tier that
// cannot hold what the options put there.
std::vector<TrainingTiers> training_tiers(const RunOptions& run, const FinetuneOptions& options,
                                          train::Rule rule, Plugins& plugins);

}  // namespace strata::app
