// The page about a run.
#pragma once
#include <string>
#include <vector>

#include "app/finetune_options.hpp"
#include "app/training_log/training_log.hpp"
#include "core/train/training.hpp"

namespace strata::app {

// Writes the page that the options name: losses, rates, the settings, the timeline of the last
// step, and below the title `notes`, of which empty ones are left out. Nothing without --html.
void write_report(const FinetuneOptions& options, const train::Training& training,
                  const training_log::TrainingLog& log, std::vector<std::string> notes);

}  // namespace strata::app
