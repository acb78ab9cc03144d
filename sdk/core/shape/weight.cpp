#include "core/shape/check.hpp"

namespace strata::shape {

Value weight(const Scope& scope, uint32_t index) {
  const auto& weight = declared(scope, "weight", "index", index);
  if (weight.experts != 0)
    refuse(scope, "weight", words(weight, index) + " is of experts: use moe");
  return {scope.dtype, Dims(weight.shape)};
}

}  // namespace strata::shape
