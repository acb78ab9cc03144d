// The KV cache of all layers, each on the device of the unit that appends to it.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "torch/pass.hpp"

namespace strata::torch {

// A layer's cache is [blocks, block, K, E], with the blocks of a sequence one after the other: its
// keys are contiguous and read without a copy. The cache is zeroed when a layer first appends,
// since attention multiplies masked values by zero and must not meet a NaN there.
class KvCache {
 public:
  struct Layer {
    at::Tensor k, v;
  };
  // Writes k, v [T,K,E] to the places of the pass's tokens, and returns the layer's cache.
  const Layer& append(uint32_t layer, Pass& pass, const at::Tensor& k, const at::Tensor& v);
  void reset();

 private:
  std::vector<Layer> layers_;
};

}  // namespace strata::torch
