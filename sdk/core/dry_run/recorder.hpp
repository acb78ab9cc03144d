// Ops over tensors without data: they check shapes and count the memory and the cost of computing.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "core/dry_run/measure.hpp"
#include "core/plugin/ops.hpp"
#include "core/shape/ops.hpp"

namespace strata::dry_run {

using shape::Scope, shape::Value;

// The bytes that tensors hold now and held at most.
struct Ledger {
  uint64_t now = 0, peak = 0;
  void hold(uint64_t bytes) {
    now += bytes;
    if (now > peak) peak = now;
  }
  void drop(uint64_t bytes) { now -= bytes; }
};

// Records one unit's call at a time. Results of heads and split, and of one linear, share memory as
// views do. It also counts memory held inside an op: the attention backend's, as it says, and
// float32 copies of the input of norm and rope.
class Recorder : public plugin::Ops {
 public:
  // `unit` outlives the recorder. `tokens` are the rows of the call's x.
  Recorder(const shape::DeclaredUnit& unit, int64_t tokens, const Request& request);

  // A tensor for the call's x, counted as the others.
  plugin::Handle input(const Value& value) { return made(value); }
  uint64_t peak_bytes() const { return ledger_->peak; }
  double flops() const { return flops_; }
  const std::vector<KvShape>& kv() const { return kv_; }
  int64_t positions() const { return positions_; }  // as Measure
  uint32_t top_k() const { return top_k_; }         // of its mixture layer, or 0

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
  // Counts the bytes until the recorder's end and returns null: there is no memory.
  void* workspace(uint64_t bytes) override;

 private:
  plugin::Handle made(const Value& value);
  void inside(uint64_t bytes);  // held during an op
  uint64_t attention_bytes(const strata_op_attention& op, const strata_view& q,
                           const strata_view& k, const strata_view& v) const;

  Scope scope_;
  Request request_;
  std::shared_ptr<Ledger> ledger_ = std::make_shared<Ledger>();  // tensors may outlive the recorder
  double flops_ = 0;
  std::vector<KvShape> kv_;
  int64_t positions_ = 0;
  uint32_t top_k_ = 0;
};

}  // namespace strata::dry_run
