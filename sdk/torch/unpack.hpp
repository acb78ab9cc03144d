// Calls of a codec's unpack and repack over tensors.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/plugin/codec.hpp"

namespace strata::torch {

// Fills `dense` [rows,columns], which is contiguous, from the same rows of each part, or from the
// parts of a whole weight. Errors name the weight. [any-thread]
void unpack_rows(const plugin::Codec& codec, const std::string& name,
                 const std::vector<at::Tensor>& parts, at::Tensor dense, strata_call* call);

// Fills the parts of the run scheme from those of the codec's own, which are of a whole weight of
// that shape. Errors name the weight. [any-thread]
void repack_parts(const plugin::Codec& codec, const std::string& name, at::IntArrayRef shape,
                  const std::vector<at::Tensor>& held, const std::vector<at::Tensor>& run,
                  strata_call* call);

}  // namespace strata::torch
