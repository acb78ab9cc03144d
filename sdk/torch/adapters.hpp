// The low-rank products of an adapter on the device, beside the weights that they are added to.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <unordered_map>

#include "core/adapter/adapter.hpp"

namespace strata::torch {

// scale * B A, in float32: a [r,in], b [out,r]. Of several shares of one product, all are views of
// its tensors.
struct LowRank {
  at::Tensor a, b;
  double scale = 0;
};

class Adapters {
 public:
  Adapters() = default;
  // Reads the adapter's elements and brings them to `device`.
  Adapters(const adapter::Adapter& adapter, const at::Device& device);

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
