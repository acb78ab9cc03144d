#include "core/shape/check.hpp"

namespace strata::shape {
namespace {

void takes_function(const Scope& scope, std::string_view op, int32_t f) {
  if (f < STRATA_RELU || f > STRATA_SQRT_SOFTPLUS)
    refuse(scope, op, "function " + std::to_string(f) + " is not known");
}

}  // namespace

Value activation(const Scope& scope, int32_t f, const strata_view& x) {
  takes_function(scope, "activation", f);
  takes(scope, "activation", "x", x, 0);
  return {x.dtype, dims_of(x)};
}

Value gated(const Scope& scope, int32_t f, const strata_view& gate, const strata_view* up) {
  takes_function(scope, "gated", f);
  takes(scope, "gated", "gate", gate, 0);
  auto dims = dims_of(gate);
  if (up) {
    takes(scope, "gated", "up", *up, 0);
    if (dims != dims_of(*up))
      refuse(scope, "gated", "gate " + words(gate) + " and up " + words(*up) + " differ");
    return {gate.dtype, dims};
  }
  auto& width = dims[dims.size() - 1];
  if (width % 2 != 0) refuse(scope, "gated", "x " + words(gate) + " has no two halves");
  width /= 2;
  return {gate.dtype, dims};
}

}  // namespace strata::shape
