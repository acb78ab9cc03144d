// A training run on several ranks: what must be equal on all, and what is put together.
#pragma once
#include <optional>
#include <vector>

#include "app/finetune/open_training.hpp"
#include "app/finetune/training_data.hpp"
#include "app/finetune_options.hpp"
#include "app/ranks.hpp"
#include "core/json.hpp"

namespace strata::app {

// The options as this rank has them: rank 0 alone writes logs, the page and the trace.
FinetuneOptions own_options(FinetuneOptions options, const run::Group* group);

// The facts that the ranks compare before they load weights. `common` is common_state, and
// `resumed` the step behind which the run continues.
std::vector<Fact> facts_of(const FinetuneOptions& options, const TrainingData& data,
                           const PlannedTraining& planned, const Json& common,
                           std::optional<int64_t> resumed);

// The report of all ranks from those of each: the first one's, with the slowest one's loading, the
// moved bytes of all together, and under "ranks" what each has of its own.
OrderedJson joined_training_report(const std::vector<OrderedJson>& reports);

}  // namespace strata::app
