// The routers of mixture layers in a micro-batch: their choices, and their auxiliary loss.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <unordered_map>

namespace strata::torch {

// [Note: router loss]
// With N rows (the tokens of all mixture layers), X experts, c_i choices of expert i and the sum
// p_i of its probabilities, the loss is coefficient * X * sum_i (c_i / N) (p_i / N), as
// transformers' load_balancing_loss_func over all layers. It joins layers: c_i is known when the
// last layer has run, so its gradient for a probability, which is the same for every token of every
// layer, enters each layer's rerun.
class Routers {
 public:
  // Forgets the micro-batch before. `coefficient` 0: there is no loss.
  void begin(double coefficient);
  bool has_loss() const { return coefficient_ != 0; }

  // The experts [T,k] that a unit's run chose, int64 on the host; undefined before.
  const at::Tensor& chosen(uint32_t unit) const;
  void choose(uint32_t unit, at::Tensor chosen) { chosen_[unit] = std::move(chosen); }

  // Adds a layer's probabilities [T,X] and its choices [T,k], both on the layer's device.
  void add(const at::Tensor& probabilities, const at::Tensor& chosen);
  // The loss, float64; undefined where no layer was added.
  at::Tensor loss() const;
  // The gradient of the loss for each row of probabilities: [X] float64. Valid when all layers have
  // been added.
  at::Tensor gradient() const;

 private:
  double coefficient_ = 0;
  double rows_ = 0;
  at::Tensor choices_, probabilities_;  // [X] float64
  std::unordered_map<uint32_t, at::Tensor> chosen_;
};

}  // namespace strata::torch
