// This reads the values of one unit from the files of a checkpoint, which are a whole unit's or the
// parts of any number of ranks, into a whole unit or a part of it.
#pragma once
#include <span>
#include <string>

#include "app/finetune/state_file.hpp"

namespace strata::app {

// The following throw Error naming the file that is gone, has other tensors or sizes, or whose
// bytes are not those that were written; then part of the values may be overwritten. `folder` is
// the checkpoint's.

// Reads the file of the whole unit.
void read_whole(const std::string& folder, const SavedState::File& saved, const StateFile& file);

// Reads the parts' files that have elements which are here, after the headers of all: together they
// have each element of the unit once.
void read_parts(const std::string& folder, std::span<const SavedState::File* const> saved,
                const StateFile& file);

}  // namespace strata::app
