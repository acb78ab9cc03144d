#include "core/error.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch::arithmetic {

void positions(UnitCall& on, const Args& args, Results out) {
  const auto& [weight, offset] = args.of<&strata_ops::positions>();
  const auto known = on.weights.rows(weight) - offset, longest = on.shared.pass.ragged().max_keys;
  if (longest > known)
    throw Error(on.weights.name(weight),
                std::to_string(longest) + " tokens are more than its " + std::to_string(known) +
                    " positions",
                "use shorter sequences");
  const auto& pass = on.shared.pass.on(on.device);
  // A table whose first position lies behind other rows keeps the one before it for padding.
  const bool has_padding = offset > 0 && pass.learned.defined();
  const auto& at_positions = has_padding ? pass.learned : pass.positions;
  const auto rows = offset ? at_positions.add(offset) : at_positions;
  const auto* coded = on.weights.coded(weight);
  out[0] = handle(coded ? unpacked(coded->select(rows), on.shared.dtype, on.codec_call())
                        : at::embedding(on.weights.at(weight), rows));
}

}  // namespace strata::torch::arithmetic
