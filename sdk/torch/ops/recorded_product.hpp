// Low-rank products whose backward adds to the sums of their gradients directly. Dims: T tokens, r
// rank.
#pragma once
#include <ATen/core/Tensor.h>

#include "torch/adapters.hpp"

namespace strata::torch {

// Dropout of a product's x.
struct Dropped {
  at::Tensor kept{};  // [T,in] bool; undefined: everything
  double p = 0;
  at::Tensor of(const at::Tensor& x) const;
};

// Each returns `made`, a new tensor computed without recording, with its backward: it gives the
// gradients of y and x, of rows, or of the weight to autograd, and adds those of A and B to the
// product's sums. Autograd would keep x in float32 for each product, and make a whole tensor for
// the gradient of each share of B. The weights of the product outlive the backward, and x is not
// changed before it.

// `made` [T,out] is y + scale * B inner, with inner [T,r] = A dropped(x), x [T,in].
at::Tensor recorded_product(at::Tensor made, const at::Tensor& y, const at::Tensor& x,
                            const LowRank& product, const Dropped& dropped,
                            const at::Tensor& inner);
// `made` [T,D] is rows + scale * B of_ids, with the columns `ids` [T] of A as of_ids [T,r]. An id's
// gradients are added in a fixed order.
at::Tensor recorded_rows(at::Tensor made, const at::Tensor& rows, const at::Tensor& ids,
                         const LowRank& product, const at::Tensor& of_ids);
// `made` [out,in] is weight + scale * B A.
at::Tensor recorded_weight(at::Tensor made, const at::Tensor& weight, const LowRank& product);

}  // namespace strata::torch
