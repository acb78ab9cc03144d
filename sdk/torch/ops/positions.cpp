#include "core/error.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch::arithmetic {

void positions(UnitCall& on, const Args& args, Results out) {
  const auto& [weight, offset] = args.of<&strata_ops::positions>();
  const auto& table = on.weights.at(weight);
  const auto known = table.size(0) - offset, longest = on.shared.pass.ragged().max_keys;
  if (longest > known)
    throw Error(on.weights.name(weight),
                std::to_string(longest) + " tokens are more than its " + std::to_string(known) +
                    " positions",
                "use shorter sequences");
  const auto& at_positions = on.shared.pass.on(on.device).positions;
  out[0] = handle(at::embedding(table, offset ? at_positions.add(offset) : at_positions));
}

}  // namespace strata::torch::arithmetic
