// The dtype in which the host holds the weights between steps.
#pragma once
#include <strata/abi/core.h>

#include <strata/app.hpp>
#include <string>

#include "app/finetune_options.hpp"
#include "core/train/prepare.hpp"

namespace strata::app {

// The dtype of --storage-dtype. Throws UsageError where the other options do not go with it.
strata_dtype storage_dtype(const RunOptions& run, const FinetuneOptions& options);

// Says which weights of the checkpoint lose bits when they are loaded; empty if none does.
std::string rounding_words(const train::TrainingPlan& plan, const train::TrainingRequest& request);

}  // namespace strata::app
