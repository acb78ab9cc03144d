// The trained low-rank products beside a frozen model: their places and the sums of their
// gradients.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/train/flat.hpp"
#include "core/train/products.hpp"
#include "core/zero/unit.hpp"
#include "torch/adapters.hpp"

namespace strata::torch {

class TrainedProducts {
 public:
  // Refuses a dropout that is no probability below 1, and dropout for a product of a parameter, as
  // PEFT does.
  explicit TrainedProducts(train::Products products);

  // Puts the products into `adapters`, as views of the weights that `unit` has at `weights`, which
  // stays the caller's. Throws Error where these are not the weights that the products need.
  void use(const zero::Unit& unit, const std::byte* weights, const at::Device& device,
           Adapters& adapters);
  // Forgets the gradients.
  void begin();
  // Writes the sums of the gradients to `gradients`, in dtype `type`, with zeros in the gaps.
  // `flat` is that of the unit.
  void give(const train::Flat& flat, std::byte* gradients, at::ScalarType type) const;

 private:
  void add(const train::TrainedProduct& product, uint64_t number, const train::Flat& flat,
           Adapters& adapters) const;
  at::Tensor weight(uint32_t index, at::IntArrayRef shape) const;

  train::Products products_;
  // The unit that was used last and its weights: where they are the same again, nothing is made.
  const zero::Unit* unit_ = nullptr;
  const std::byte* weights_ = nullptr;
  at::Tensor sums_;  // [elements] float32, in the places of the unit's Flat
};

}  // namespace strata::torch
