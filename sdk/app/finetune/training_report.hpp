// The page about a run.
#pragma once
#include "app/finetune_options.hpp"
#include "app/training_log/training_log.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// Writes the page that the options name: losses, rates, the settings, and the timeline of the last
// step. Nothing without --html.
void write_report(const FinetuneOptions& options, const train::Training& training,
                  const training_log::TrainingLog& log);

}  // namespace strata::app
