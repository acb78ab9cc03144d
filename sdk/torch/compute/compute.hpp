// run::Compute over LibTorch.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/run/compute.hpp"
#include "torch/compute/torch_ops.hpp"
#include "torch/device.hpp"

namespace strata::torch {

class TorchCompute final : public run::Compute {
 public:
  explicit TorchCompute(run::ComputeOptions options);

  void* stream(uint32_t device) override;
  void use(run::Experts& experts) override { shared_.experts = &experts; }
  void begin(const run::Batch& batch) override;
  void expand(const zero::Unit& unit, const std::byte* stored, std::byte* run) override;
  void rows(const zero::Weight& form, const std::byte* rows, bool stored) override;
  void table(const zero::Weight& form, const std::byte* table) override;
  void run(const zero::Unit& unit, const std::byte* weights, uint32_t device) override;
  std::span<const float> logits() override;
  void reset() override;
  void backward(const zero::Unit& unit, const std::byte* weights, std::byte* gradients) override;
  double loss(std::span<const int64_t> targets) override;
  Held held() override;
  void warm_up() override;

 private:
  const Place& place(uint32_t device) const;
  plugin::Call call_on(const Place& place) const;
  // Kept for each place where a unit's weights have been: a pass builds no views anew.
  const UnitWeights& views(const zero::Unit& unit, const std::byte* weights, const Place& place);
  at::Tensor input_of(const zero::Unit& unit, const Place& place);
  at::Tensor forward(const zero::Unit& unit, const UnitWeights& weights, const Place& place,
                     const at::Tensor& x);
  int64_t vocabulary(const zero::Unit& head) const;
  void place_logits(const zero::Unit& head, const at::Tensor& columns);
  at::Tensor wanted_on(const at::Device& device) const;
  void keep_gradient(const zero::Unit& unit, const at::Tensor& input, const at::Tensor& gradient);
  at::Tensor gradient_of_output(const zero::Unit& unit, const at::Tensor& y);

  run::ComputeOptions options_;
  std::vector<Place> places_;
  Shared shared_;

  struct Seen {
    const std::byte* weights;
    std::unique_ptr<UnitWeights> views;
  };
  std::unordered_map<const zero::Unit*, std::vector<Seen>> seen_;

  // The state of the pass.
  std::vector<int64_t> wanted_;
  at::Tensor hidden_;      // [T,D], on the device of the unit that ran last
  at::Tensor head_input_;  // [wanted,D]
  at::Tensor logits_;      // [wanted,V], at least float32
  at::Tensor host_logits_;

  // The inputs kept by a recorded pass, by the family's unit.
  struct Kept {
    at::Tensor input;
    uint32_t device = 0;
  };
  std::unordered_map<uint32_t, Kept> kept_;
  at::Tensor logits_gradient_, head_gradient_, gradient_;
};

}  // namespace strata::torch
