#include "torch/ops/adapted.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/tensor.hpp"

namespace strata::torch::arithmetic {

void weight(UnitCall& on, const Args& args, Results out) {
  const auto& [index] = args.of<&strata_ops::weight>();
  out[0] = handle(adapted_weight(on.dense(index), on.shared.adapters, on.weights.name(index)));
}

}  // namespace strata::torch::arithmetic
