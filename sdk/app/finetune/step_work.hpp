// The work of a training step as each resource sees it, counted from its plan.
#pragma once
#include "app/training_log/bound.hpp"
#include "core/train/prepare.hpp"

namespace strata::app {

// The work of a step of so many tokens, of all its micro-batches together, of one rank. Which
// experts the tokens choose is not known before: each is counted by the chance that one of the
// tokens chooses it.
training_log::StepWork step_work(const train::TrainingPlan& plan,
                                 const train::TrainingRequest& request, double tokens,
                                 bool clipping);

}  // namespace strata::app
