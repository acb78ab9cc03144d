// The sums that low-rank products add to the results of ops. Dims: T tokens.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "torch/adapters.hpp"
#include "torch/draws.hpp"
#include "torch/unit_call.hpp"

namespace strata::torch {

// Sums are in float32 and return to the result's dtype, as PEFT has them. Where gradients are
// recorded they are differentiable, and those of a trained product are added to its sums. Without a
// product the result is returned as it is.

// y [T,out] is x [T,in] times the weight of that index. For a tile of the head, the tile's rows
// are added. In training the product drops elements of its x.
at::Tensor adapted(at::Tensor y, const at::Tensor& x, const UnitCall& on, uint32_t index);
// The same for the weight of that name, such as one expert's, whose product drops nothing.
at::Tensor adapted(at::Tensor y, const at::Tensor& x, const Adapters& adapters,
                   const std::string& weight);
// rows [T,D] of the embedding's table are those of ids [T]. Nothing is dropped.
at::Tensor adapted_rows(const at::Tensor& rows, const at::Tensor& ids, const Adapters& adapters);
// The weight [out,in] of that name itself.
at::Tensor adapted_weight(const at::Tensor& weight, const Adapters& adapters,
                          const std::string& name);

// The source of a product's draws in a unit. Its numbers are none of those that the unit's own ops
// get: which modules have products changes no other draw.
Draws::Source product_source(uint32_t unit, const LowRank& product);

}  // namespace strata::torch
