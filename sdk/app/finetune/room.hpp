// Room on the disk for what a run writes at its end.
#pragma once
#include "app/finetune_options.hpp"
#include "core/run/model.hpp"
#include "core/train/prepare.hpp"

namespace strata::app {

// Throws Error where the disk of the output, which is there, has fewer bytes free than the weights
// of the trained model, or of the adapters, will have. Checkpoints are not counted, and nothing is
// reserved.
void need_room(const FinetuneOptions& options, const run::Model& model,
               const train::TrainingPlan& plan);

}  // namespace strata::app
