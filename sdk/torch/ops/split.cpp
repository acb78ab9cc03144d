#include "torch/ops/arithmetic.hpp"
#include "torch/tensor.hpp"

namespace strata::torch::arithmetic {

void split(UnitCall&, const Args& args, Results out) {
  const auto& [widths, count, x] = args.of<&strata_ops::split>();
  int64_t first = 0;
  for (uint32_t i = 0; i < count; ++i) {
    out[i] = handle(value_of(*x).narrow(-1, first, widths[i]));
    first += widths[i];
  }
}

}  // namespace strata::torch::arithmetic
