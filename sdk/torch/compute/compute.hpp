// run::Compute over LibTorch.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/run/compute.hpp"
#include "torch/compute/units.hpp"

namespace strata::torch {

class TorchCompute final : public run::Compute {
 public:
  explicit TorchCompute(run::ComputeOptions options);

  void* stream(uint32_t device) override;
  void use(run::Experts& experts) override { units_.shared().experts = &experts; }
  void begin(const run::Batch& batch) override;
  void expand(const zero::Unit& unit, const std::byte* stored, std::byte* run) override {
    units_.expand(unit, stored, run);
  }
  void rows(const zero::Weight& form, const std::byte* rows, bool stored) override {
    units_.rows(form, rows, stored);
  }
  void table(const zero::Weight& form, const std::byte* table) override {
    units_.table(form, table);
  }
  void run(const zero::Unit& unit, const std::byte* weights, uint32_t device) override;
  std::span<const float> logits() override;
  void reset() override;
  Held held() override { return units_.held(); }
  void warm_up() override { units_.warm_up(); }
  void note_inputs(run::InputSquares& squares) override { units_.shared().inputs = &squares; }

 private:
  at::Tensor input_of(const zero::Unit& unit, const Place& place);
  void place_logits(const zero::Unit& head, const at::Tensor& columns);
  at::Tensor wanted_on(const at::Device& device) const;

  Units units_;

  // The state of the pass.
  std::vector<int64_t> wanted_;
  at::Tensor hidden_;      // [T,D], on the device of the unit that ran last
  at::Tensor head_input_;  // [wanted,D]
  at::Tensor logits_;      // [wanted,V], at least float32
  at::Tensor host_logits_;
};

}  // namespace strata::torch
