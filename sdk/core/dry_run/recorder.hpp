// Ops over tensors without data: they check shapes and count the memory and the cost of computing.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/dry_run/measure.hpp"
#include "core/plugin/ops.hpp"
#include "core/shape/op.hpp"

namespace strata::dry_run {

using shape::Scope, shape::Value;

// The bytes that tensors hold now, held at most, and held in all.
struct Ledger {
  uint64_t now = 0, peak = 0, all = 0;
  void hold(uint64_t bytes) {
    now += bytes;
    all += bytes;
    if (now > peak) peak = now;
  }
  void drop(uint64_t bytes) { now -= bytes; }
  // Bytes that an op holds while it computes, which are no tensor's.
  void pass_through(uint64_t bytes) { peak = std::max(peak, now + bytes); }
};

// Records one unit's call at a time: the results of every op by its shape function, and what its
// cost function adds. The results of one op share memory.
class Recorder : public plugin::Ops {
 public:
  // `unit` outlives the recorder. `tokens` are the rows of the call's x.
  Recorder(const shape::DeclaredUnit& unit, int64_t tokens, const Request& request);

  // A tensor for the call's x, counted as the others.
  plugin::Handle input(const Value& value) { return made(value); }
  uint64_t peak_bytes() const { return ledger_->peak; }
  uint64_t all_bytes() const { return ledger_->all; }
  uint64_t kept_bytes() const { return kept_bytes_; }  // as Measure
  double flops() const { return flops_; }
  const std::vector<KvShape>& kv() const { return kv_; }
  int64_t positions() const { return positions_; }  // as Measure
  uint32_t position_table() const { return position_table_; }
  uint32_t top_k() const { return top_k_; }  // of its mixture layer, or 0

  void run(const shape::Op& op, const shape::Args& args, std::span<plugin::Handle> out) override;
  plugin::Handle empty(strata_dtype dtype, std::span<const int64_t> shape) override;
  // Counts the bytes until the recorder's end and returns null: there is no memory.
  void* workspace(uint64_t bytes) override;

 private:
  plugin::Handle made(const Value& value);

  Scope scope_;
  Request request_;
  std::shared_ptr<Ledger> ledger_ = std::make_shared<Ledger>();  // tensors may outlive the recorder
  uint64_t kept_bytes_ = 0;
  double flops_ = 0;
  std::vector<KvShape> kv_;
  int64_t positions_ = 0;
  uint32_t position_table_ = 0;
  uint32_t top_k_ = 0;
};

}  // namespace strata::dry_run
