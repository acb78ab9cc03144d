// Everything that a run that continues must have in common with the one whose checkpoint it takes.
#pragma once
#include "app/finetune/training_data.hpp"
#include "app/finetune_options.hpp"
#include "core/json.hpp"
#include "core/train/prepare.hpp"

namespace strata::app {

// An object with the option's name as key: the options by which the steps are made, the digest of
// the rows under --data, and of the configuration's file and the weights' names and shapes under
// --model, where the model is frozen with samples of its tensors' bytes. "the configuration" has
// the keys in effect. The number of ranks counts as a
// factor of the micro-batches of a step alone.
Json common_state(const FinetuneOptions& options, const run::Model& model, const TrainingData& data,
                  const train::TrainingRequest& request, const train::TrainingPlan& plan);

// Refuses, by its option, the first thing that differs. `saved` is the checkpoint's, from `path`.
void need_common(const Json& saved, const Json& own, const std::string& path);

}  // namespace strata::app
