// The low-rank products on the device, beside the weights that they are added to: those of an
// adapter, or those that are trained.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/adapter/adapter.hpp"

namespace strata::torch {

// scale * B A, in float32: a [r,in], b [out,r]. Several shares of one product are all views
// of its tensors.
struct LowRank {
  at::Tensor a, b;
  double scale = 0;
  // In training: float32 tensors of the shapes of a and b, to which their gradients are added, the
  // probability with which an element of the product's x is dropped, and the number of the module
  // whose product it is, to draw by.
  at::Tensor a_sum{}, b_sum{};
  double dropout = 0;
  uint64_t number = 0;

  bool is_trained() const { return a_sum.defined(); }
};

class Adapters {
 public:
  Adapters() = default;
  // Reads the adapter's elements and brings them to `device`.
  Adapters(const adapter::Adapter& adapter, const at::Device& device);

  // Adds the product of a module with X experts, of which a is [X,r,in] and b [X,out,r], and the
  // sums, if there are any, are alike. The module's weights get views of them.
  void add(const adapter::Module& module, const LowRank& whole);

  // The product of a weight, for one expert of many with its number in the name; null: none.
  const LowRank* of(const std::string& weight) const;
  // The products of the output head's whole matrix, and of the embedding's table, whose "in" are
  // its rows; null: none.
  const LowRank* head() const { return head_ ? &*head_ : nullptr; }
  const LowRank* table() const { return table_ ? &*table_ : nullptr; }

 private:
  std::unordered_map<std::string, LowRank> products_;
  std::optional<LowRank> head_, table_;
};

}  // namespace strata::torch
