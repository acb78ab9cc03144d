// The call of a codec's product: its arguments, lent to the plugin.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <deque>
#include <vector>

#include "core/plugin/codec_product.hpp"
#include "torch/coded_weight.hpp"
#include "torch/lent_tensors.hpp"
#include "torch/ops/lent_threads.hpp"

namespace strata::torch {

// A product of so many rows, of the dtype and device of `like`, with weights of the shape [out,in]
// of one scheme.
struct CodedProduct {
  CodedProduct(const CodedWeight& weight, const at::Tensor& like, int64_t rows,
               const CodecCall& how);
  CodedProduct(const CodedProduct&) = delete;
  CodedProduct& operator=(const CodedProduct&) = delete;

  const plugin::Codec& codec;
  std::array<int64_t, 2> shape;
  plugin::ProductKind kind;  // its shape is the one above
};

// The arguments of one call. Its tensors and its memory live as long as it.
class CodedArguments {
 public:
  // x is contiguous. `function` is the plugin's.
  CodedArguments(const CodedProduct& product, const at::Tensor& x, strata_call* call,
                 const char* function);

  // The parts of a weight of the product.
  strata_parts parts(const CodedWeight& weight);
  // Ends the call: throws what a thread or a tensor says against the plugin, else gives [T,out].
  at::Tensor result();

  plugin::ProductArguments arguments;

 private:
  const CodedProduct& product_;
  const char* function_;
  at::Tensor y_, workspace_;
  LentThreads threads_;
  LentTensors lent_;
  std::deque<std::vector<strata_tensor*>> pointers_;
};

}  // namespace strata::torch
