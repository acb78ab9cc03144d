// This reads the values of one unit from the files of a checkpoint, which are a whole unit's or the
// parts of any number of ranks, into a whole unit or a part of it.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/finetune/state_file.hpp"
#include "core/source/tensor.hpp"

namespace strata::app {

// This says which elements of a tensor a part's file has.
struct FoundPart {
  std::size_t tensor = 0;    // index into StateFile::tensors
  Elements elements;         // within the shape's
  std::uint64_t offset = 0;  // of their bytes in the file
};

// Returns the parts of the unit that the file at `path` has, in the order of their bytes, from the
// tensors of its header, which may be of any origin. Throws Error naming `path` and a tensor that
// is no part of the unit's.
std::vector<FoundPart> parts_in(std::span<const source::Tensor> tensors, const StateFile& file,
                                std::string_view path);

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
