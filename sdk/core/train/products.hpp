// The low-rank products that are trained beside a frozen model, as LoRA has them.
#pragma once
#include <cstdint>
#include <vector>

#include "core/adapter/modules.hpp"

namespace strata::train {

// y = W x becomes y = W x + scale * B (A x), with dropout on the product's x. Dims: X experts, r
// rank.
struct TrainedProduct {
  adapter::Module module;
  int64_t rank = 0;
  double scale = 0;
  // Indices into the weights of the unit of all products, in float32: A [X,r,in], B [X,out,r].
  uint32_t a = 0, b = 0;
};

struct Products {
  std::vector<TrainedProduct> all;  // in the order of adapter::Modules::all(); empty: none
  double dropout = 0;               // 0 to below 1
};

}  // namespace strata::train
