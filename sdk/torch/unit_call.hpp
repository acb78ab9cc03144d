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
#include "torch/training.hpp"
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
  run::FindCodec codec;
  bool fast_products;
  Training* training = nullptr;  // set while units train
  run::Experts* experts = nullptr;
  std::unordered_map<std::string, at::Tensor> rows;    // rows of tables, gathered for this pass
  std::unordered_map<std::string, at::Tensor> tables;  // resident tables
  std::unordered_map<std::string, CodedWeight> coded_tables;  // the same in their codec's form
  run::InputSquares* inputs = nullptr;  // gets the squares of what products take; null: none does
};

// One run of one unit.
struct UnitCall {
  // The weight, or an undefined tensor for STRATA_NONE.
  const at::Tensor& weight_or_none(uint32_t index) const;
  // The weight as a dense tensor, unpacked where it is in its codec's form.
  at::Tensor dense(uint32_t index) const;
  CodecCall codec_call() const { return {&shared.codec, &call.seen, shared.fast_products}; }
  // Whether the unit trains and this op may drop.
  bool drops() const { return shared.training && shared.training->drops; }
  // The source of the draws of one more op, the same when the unit is run again.
  Draws::Source next_source() { return {unit, sources++}; }
  // The bounds that arguments of ops are checked against.
  shape::Scope scope() const;

  Shared& shared;
  const UnitWeights& weights;
  uint32_t unit;                        // its index in the family
  const shape::DeclaredUnit* declared;  // null for a codec's call: ops with weights are refused
  int64_t tokens;
  at::Device device;
  plugin::Call& call;
  Recorded* recorded = nullptr;  // null: no gradient is recorded
  uint64_t sources = 0;          // given out
};

}  // namespace strata::torch
