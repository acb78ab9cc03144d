// The computation of single units, which a pass and a micro-batch of training share.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/run/compute.hpp"
#include "torch/compute/torch_ops.hpp"
#include "torch/device.hpp"

namespace strata::torch {

class Units {
 public:
  // Opens the places where units run. Refuses a device that is not there.
  explicit Units(run::ComputeOptions options);

  const run::ComputeOptions& options() const { return options_; }
  Shared& shared() { return shared_; }
  const Place& place(uint32_t device) const;
  const Place& main() const { return places_.front(); }

  // Begins a pass over these tokens, and forgets the rows of the one before.
  void begin(const run::Batch& batch);

  // As the functions of run::Compute with these names.
  void expand(const zero::Unit& unit, const std::byte* stored, std::byte* run);
  void rows(const zero::Weight& form, const std::byte* rows, bool stored);
  void table(const zero::Weight& form, const std::byte* table);
  run::Compute::Held held() const;
  void warm_up();

  // The unit's weights as tensors, kept for each place where they have been: a pass builds no views
  // anew.
  const UnitWeights& views(const zero::Unit& unit, const std::byte* weights, const Place& place);
  // Runs the family's unit over x: [T,D], or ids [T] of the embedding. `recorded` is given where
  // gradients are recorded.
  at::Tensor forward(const zero::Unit& unit, const UnitWeights& weights, const Place& place,
                     const at::Tensor& x, Recorded* recorded = nullptr);
  // Columns of the logits.
  int64_t vocabulary(const zero::Unit& head) const;

  // Whether gradients will be recorded on tensors that are made now.
  bool trains() const { return shared_.training != nullptr; }

 private:
  plugin::Call call_on(const Place& place) const;

  run::ComputeOptions options_;
  std::vector<Place> places_;
  Shared shared_;

  struct Seen {
    const std::byte* weights;
    std::unique_ptr<UnitWeights> views;
  };
  std::unordered_map<const zero::Unit*, std::vector<Seen>> seen_;
};

}  // namespace strata::torch
