// The units of a training plan.
#pragma once
#include "core/run/model.hpp"
#include "core/train/prepare.hpp"

namespace strata::train {

// Sets the plan's units with their flat arrays and places, its masters, its table and its products.
void lay_out_training(const run::Model& model, const TrainingRequest& request, TrainingPlan& plan);

}  // namespace strata::train
