// A tensor of a checkpoint with another number of rows.
#pragma once
#include <cstdint>
#include <memory>

#include "core/source/checkpoint.hpp"

namespace strata::source {

// The tensor with `rows` rows: the last ones are left out, or new ones are the mean of all that it
// has. Its rows are read when they are wanted. Throws Error where they do not lie together as
// floating numbers.
MadeTensor resized(std::shared_ptr<const Checkpoint> from, const Tensor& tensor, std::int64_t rows);

}  // namespace strata::source
