// The state that the arithmetic of an op can reach: that of the program, and that of one unit's
// call.
#pragma once
#include <string>
#include <unordered_map>

#include "core/plugin/ops.hpp"
#include "core/run/compute.hpp"
#include "core/shape/op.hpp"
#include "torch/adapters.hpp"
#include "torch/attention_backend.hpp"
#include "torch/attributes.hpp"
#include "torch/kv_cache.hpp"
#include "torch/pass.hpp"
#include "torch/unit_weights.hpp"

namespace strata::torch {

// The state that the calls of a program share.
struct Shared {
  explicit Shared(const run::ComputeOptions& options);

  Pass pass;
  KvCache cache;
  AttentionBackend backend;
  AttributeCache attributes;
  Adapters adapters;
  at::ScalarType dtype;
  bool recording;
  run::Experts* experts = nullptr;
  uint64_t passes = 0;                                 // passes begun, for dropout
  std::unordered_map<std::string, at::Tensor> rows;    // rows of tables, gathered for this pass
  std::unordered_map<std::string, at::Tensor> tables;  // resident tables
};

// One run of one unit.
struct UnitCall {
  // The weight, or an undefined tensor for STRATA_NONE.
  const at::Tensor& weight_or_none(uint32_t index) const;
  // A seed that is the same when the unit is run again in the same pass.
  uint64_t next_seed() { return (shared.passes * 1'000'003 + unit) * 1'009 + seeds++; }
  // The bounds that arguments of ops are checked against.
  shape::Scope scope() const;

  Shared& shared;
  const UnitWeights& weights;
  uint32_t unit;                        // its index in the family
  const shape::DeclaredUnit* declared;  // null for a codec's call: ops with weights are refused
  int64_t tokens;
  at::Device device;
  plugin::Call& call;
  uint64_t seeds = 0;  // given out
};

}  // namespace strata::torch
