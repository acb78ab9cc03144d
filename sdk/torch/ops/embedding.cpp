#include "torch/ops/adapted.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch::arithmetic {

void embedding(UnitCall& on, const Args& args, Results out) {
  const auto& [weight, ids] = args.of<&strata_ops::embedding>();
  const auto& name = on.weights.name(weight);
  const auto give = [&, ids = ids](const at::Tensor& rows) {
    out[0] = handle(adapted_rows(rows, value_of(*ids), on.shared.adapters));
  };
  if (const auto rows = on.shared.rows.find(name); rows != on.shared.rows.end())
    return give(rows->second);
  const auto table = on.shared.tables.find(name);
  give(at::embedding(table != on.shared.tables.end() ? table->second : on.weights.at(weight),
                     value_of(*ids)));
}

}  // namespace strata::torch::arithmetic
