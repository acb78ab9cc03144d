// The parts that each of several ranks has of a training plan's units.
#pragma once
#include "core/train/prepare.hpp"

namespace strata::train {

// Sets the shares of all units, the places of the gradients of looked-up rows, and the room in
// which ranks exchange a table. The plan has its units, and says whose states are on the device.
// Throws Error for gradients that ranks do not add.
void share_out(const TrainingRequest& request, TrainingPlan& plan);

// The bytes of a unit's gradient on the device, with the gradients of looked-up rows.
uint64_t gradient_bytes(const TrainingPlan& plan, const TrainingRequest& request, uint32_t unit);
// Those of them that the host gets.
uint64_t arriving_bytes(const TrainingPlan& plan, const TrainingRequest& request, uint32_t unit);

}  // namespace strata::train
