// The op table's ops over LibTorch: they check the arguments and leave the rest to ops/.
#pragma once
#include <span>
#include <vector>

#include "torch/unit_call.hpp"

namespace strata::torch {

// The ops of one run of one unit.
class TorchOps final : public plugin::Ops {
 public:
  // `declared` is the family's unit with the index `unit`, whose call has `tokens` rows; arguments
  // of ops are checked against it. For a codec's call it is null, and ops with weights are refused.
  // `recorded` is given where gradients are recorded.
  TorchOps(Shared& shared, const UnitWeights& weights, uint32_t unit,
           const plugin::DeclaredUnit* declared, int64_t tokens, const at::Device& device,
           plugin::Call& call, Recorded* recorded = nullptr)
      : on_{shared, weights, unit, declared, tokens, device, call, recorded} {}

  void run(const shape::Op& op, const shape::Args& args, std::span<plugin::Handle> out) override;
  plugin::Handle empty(strata_dtype dtype, std::span<const int64_t> shape) override;
  void* workspace(uint64_t bytes) override;

 private:
  UnitCall on_;
  std::vector<at::Tensor> workspaces_;
};

}  // namespace strata::torch
