// Calls of a codec's unpack over tensors.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/plugin/codec.hpp"

namespace strata::torch {

// Fills `dense` [rows,columns], which is contiguous, from the same rows of each part. Errors name
// the weight. [any-thread]
void unpack_rows(const plugin::Codec& codec, const std::string& name,
                 const std::vector<at::Tensor>& parts, at::Tensor dense, strata_call* call);

}  // namespace strata::torch
