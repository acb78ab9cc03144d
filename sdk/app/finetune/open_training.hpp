// Opens training from options: device, tiers, budgets.
#pragma once
#include <memory>

#include "app/finetune/host_need.hpp"
#include "app/finetune_options.hpp"
#include "app/plugins.hpp"
#include "core/run/group.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// The sizes of a step.
struct StepSize {
  std::uint32_t sequences = 1;      // of one micro-batch, at most
  std::int64_t tokens = 1;          // of one micro-batch, at most
  std::int64_t longest = 1;         // of one sequence, at most
  std::uint32_t micro_batches = 1;  // of one step on one rank, at most
};

// The plan of a training run before it takes memory.
struct PlannedTraining {
  train::TrainingRequest request;
  train::TrainingPlan plan;
  HostNeed host;
  bool cuda = false;
  const registry::Candidate* weights = nullptr;  // tiers
  const registry::Candidate* states = nullptr;
  const registry::Candidate* attention = nullptr;
};

// The dtype named "float32", "bfloat16" or "float16".
strata_dtype dtype_named(const std::string& option, const std::string& name);

// `model` and `plugins` outlive the result. Throws Error where a limit of memory is too small. With
// a group all of its ranks call it, and choose the same tiers.
PlannedTraining plan_training(const RunOptions& run, const FinetuneOptions& options,
                              const run::Model& model, const StepSize& size, Plugins& plugins,
                              run::Group* group = nullptr);

// Allocates the memory and reads the weights.
std::unique_ptr<train::Training> open_training(const RunOptions& run,
                                               const FinetuneOptions& options,
                                               const run::Model& model, PlannedTraining planned,
                                               Plugins& plugins, const LoadProgress& progress,
                                               const std::shared_ptr<run::Group>& group = {});

}  // namespace strata::app
