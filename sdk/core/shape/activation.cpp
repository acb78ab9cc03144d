#include "core/shape/check.hpp"

namespace strata::shape {
namespace {

void takes_function(const Scope& scope, std::string_view op, int32_t f) {
  if (f < STRATA_RELU || f > STRATA_TANH)
    refuse(scope, op, "function " + std::to_string(f) + " is not known");
}

}  // namespace

Value activation(const Scope& scope, int32_t f, const strata_view& x) {
  takes_function(scope, "activation", f);
  takes(scope, "activation", "x", x, 0);
  return {x.dtype, dims_of(x)};
}

Value gated(const Scope& scope, int32_t f, const strata_view& gate, const strata_view& up) {
  takes_function(scope, "gated", f);
  takes(scope, "gated", "gate", gate, 0);
  takes(scope, "gated", "up", up, 0);
  if (dims_of(gate) != dims_of(up))
    refuse(scope, "gated", "gate " + words(gate) + " and up " + words(up) + " differ");
  return {gate.dtype, dims_of(gate)};
}

}  // namespace strata::shape
