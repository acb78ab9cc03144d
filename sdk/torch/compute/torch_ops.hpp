// The op table's ops over LibTorch: they look up weights and the pass and leave the rest to ops/.
#pragma once
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/plugin/ops.hpp"
#include "core/run/compute.hpp"
#include "core/shape/ops.hpp"
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
  at::ScalarType dtype;
  bool recording;
  run::Experts* experts = nullptr;
  uint64_t passes = 0;                                 // passes begun, for dropout
  std::unordered_map<std::string, at::Tensor> rows;    // rows of tables, gathered for this pass
  std::unordered_map<std::string, at::Tensor> tables;  // resident tables
};

// One run of one unit.
class TorchOps final : public plugin::Ops {
 public:
  // `declared` is the family's unit with the index `unit`, whose call has `tokens` rows; arguments
  // of ops are checked against it. For a codec's call it is null, and ops with weights are refused.
  TorchOps(Shared& shared, const UnitWeights& weights, uint32_t unit,
           const plugin::DeclaredUnit* declared, int64_t tokens, const at::Device& device,
           plugin::Call& call)
      : shared_(shared), weights_(weights), unit_(unit), declared_(declared), tokens_(tokens),
        device_(device), call_(call) {}

  plugin::Handle weight(uint32_t index) override;
  plugin::Handle embedding(uint32_t weight, strata_tensor& ids) override;
  plugin::Handle positions(uint32_t weight, int64_t offset) override;
  void linear(const strata_op_linear& op, strata_tensor& x, std::span<plugin::Handle> out) override;
  plugin::Handle norm(const strata_op_norm& op, strata_tensor& x) override;
  plugin::Handle rope(const strata_op_rope& op, strata_tensor& x) override;
  plugin::Handle attention(const strata_op_attention& op, strata_tensor& q, strata_tensor& k,
                           strata_tensor& v) override;
  plugin::Handle moe(const strata_op_moe& op, strata_tensor& x) override;
  plugin::Handle activation(int32_t f, strata_tensor& x) override;
  plugin::Handle gated(int32_t f, strata_tensor& gate, strata_tensor* up) override;
  plugin::Handle elementwise(int32_t op, strata_tensor& a, strata_tensor* b, double value) override;
  void heads(int32_t layout, uint32_t h, uint32_t k, uint32_t e, strata_tensor& x,
             std::span<plugin::Handle> out) override;
  plugin::Handle dropout(double p, strata_tensor& x) override;
  void call(std::string_view name, std::string_view json, std::span<strata_tensor* const> in,
            std::span<plugin::Handle> out) override;
  void split(std::span<const uint32_t> widths, strata_tensor& x,
             std::span<plugin::Handle> out) override;
  plugin::Handle concat(std::span<strata_tensor* const> in) override;
  plugin::Handle empty(strata_dtype dtype, std::span<const int64_t> shape) override;
  void* workspace(uint64_t bytes) override;

 private:
  const at::Tensor& weight_or_none(uint32_t index) const;
  uint64_t next_seed();
  shape::Scope scope() const;

  Shared& shared_;
  const UnitWeights& weights_;
  uint32_t unit_;
  const plugin::DeclaredUnit* declared_;
  int64_t tokens_;
  at::Device device_;
  plugin::Call& call_;
  uint64_t dropouts_ = 0;
  std::vector<at::Tensor> workspaces_;
};

}  // namespace strata::torch
