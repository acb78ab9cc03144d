#include "core/shape/check.hpp"

namespace strata::shape {

Value dropout(const Scope& scope, double p, const strata_view& x) {
  takes(scope, "dropout", "x", x, 0);
  if (!(p >= 0 && p < 1))
    refuse(scope, "dropout", "p " + std::to_string(p) + " is not at least 0 and less than 1");
  return {x.dtype, dims_of(x)};
}

}  // namespace strata::shape
