// This finds the parts of a unit in the headers of the files that ranks wrote for a checkpoint.
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

// Throws Error naming `path` where the parts have an element of the unit twice or not at all.
void check_complete(std::vector<FoundPart> parts, const StateFile& file, const std::string& path);

}  // namespace strata::app
