// What an adapter adds to the results of ops. Dims: T tokens.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "torch/adapters.hpp"
#include "torch/unit_weights.hpp"

namespace strata::torch {

// Sums are in float32 and return to the result's dtype, as PEFT has them. They are differentiable
// where gradients are recorded. Without a product the result is returned as it is.

// y [T,out] is x [T,in] times the weight of that index. Of a tile of the head, the tile's rows are
// added.
at::Tensor adapted(at::Tensor y, const at::Tensor& x, const Adapters& adapters,
                   const UnitWeights& weights, uint32_t index);
// The same for the weight of that name, such as one expert's.
at::Tensor adapted(at::Tensor y, const at::Tensor& x, const Adapters& adapters,
                   const std::string& weight);
// rows [T,D] of the embedding's table are those of ids [T].
at::Tensor adapted_rows(const at::Tensor& rows, const at::Tensor& ids, const Adapters& adapters);
// The weight [out,in] of that name itself.
at::Tensor adapted_weight(const at::Tensor& weight, const Adapters& adapters,
                          const std::string& name);

}  // namespace strata::torch
