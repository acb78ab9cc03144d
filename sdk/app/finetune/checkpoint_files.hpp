// This makes the files of a checkpoint from the weights and states of a model in training.
#pragma once
#include <vector>

#include "app/finetune/state_file.hpp"
#include "core/train/host_units.hpp"
#include "core/train/prepare.hpp"

namespace strata::app {

// Returns the elements of a piece that are in a rank's share, counted from the piece's first one;
// none are {0, 0}.
Elements elements_in(const train::Piece& piece, const train::Share& share);

// Returns a file for each unit that is trained, in the order of a step's updates. The values are
// borrowed from `host`.
std::vector<StateFile> checkpoint_files(const train::TrainingPlan& plan,
                                        const train::TrainingRequest& request,
                                        const train::HostUnits& host);

}  // namespace strata::app
