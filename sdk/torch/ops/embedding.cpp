#include "torch/ops/adapted.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

at::Tensor rows_of(UnitCall& on, uint32_t weight, const at::Tensor& ids) {
  const auto& name = on.weights.name(weight);
  if (const auto rows = on.shared.rows.find(name); rows != on.shared.rows.end())
    return rows->second;
  const auto coded_table = on.shared.coded_tables.find(name);
  const auto* coded =
      coded_table != on.shared.coded_tables.end() ? &coded_table->second : on.weights.coded(weight);
  if (coded) return unpacked(coded->select(ids), on.shared.dtype, on.codec_call());
  const auto table = on.shared.tables.find(name);
  return at::embedding(table != on.shared.tables.end() ? table->second : on.weights.at(weight),
                       ids);
}

}  // namespace

void arithmetic::embedding(UnitCall& on, const Args& args, Results out) {
  const auto& [weight, ids] = args.of<&strata_ops::embedding>();
  if (!on.recorded || !on.recorded->gradients) {
    const auto& which = value_of(*ids);
    out[0] = handle(adapted_rows(rows_of(on, weight, which), which, on.shared.adapters));
    return;
  }
  // The rows are what gets a gradient, not the table: it is as large as the vocabulary.
  at::Tensor rows;
  {
    const c10::NoGradGuard constant;
    rows = rows_of(on, weight, value_of(*ids)).detach();
  }
  rows.requires_grad_(true);
  on.recorded->rows.push_back({weight, rows});
  out[0] = handle(adapted_rows(rows, value_of(*ids), on.shared.adapters));
}

}  // namespace strata::torch
