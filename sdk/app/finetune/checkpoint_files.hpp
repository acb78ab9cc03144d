// The weights and states of a model in training, as the files of a checkpoint.
#pragma once
#include <vector>

#include "app/finetune/state_file.hpp"
#include "core/train/host_units.hpp"
#include "core/train/prepare.hpp"

namespace strata::app {

// The elements of a piece that are in a rank's share, from the piece's first one on; a piece
// without any has no first one either.
Elements elements_in(const train::Piece& piece, const train::Share& share);

// One file a unit that is trained, in the order of a step's updates. Values are borrowed from
// `host`.
std::vector<StateFile> checkpoint_files(const train::TrainingPlan& plan,
                                        const train::TrainingRequest& request,
                                        const train::HostUnits& host);

}  // namespace strata::app
