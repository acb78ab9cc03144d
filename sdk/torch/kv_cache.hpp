// Keys and values of all layers, each on the device of the unit that appends to it.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "torch/pass.hpp"

namespace strata::torch {

// A layer's cache is [blocks, block, K, E], a sequence's blocks in a row: its keys are one run of
// memory, read without a copy. It is filled with zeros when a layer first appends, since what
// multiplies a masked value by zero must not meet a NaN there.
class KvCache {
 public:
  struct Layer {
    at::Tensor k, v;
  };
  // Puts k, v [T,K,E] where the tokens of the pass belong, and returns the layer's cache.
  const Layer& append(uint32_t layer, Pass& pass, const at::Tensor& k, const at::Tensor& v);
  void reset();

 private:
  std::vector<Layer> layers_;
};

}  // namespace strata::torch
