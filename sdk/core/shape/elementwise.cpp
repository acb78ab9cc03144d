#include <cmath>

#include "core/shape/check.hpp"

namespace strata::shape {
namespace {

Dims broadcast(const Scope& scope, const strata_view& a, const strata_view& b) {
  const auto& longer = a.ndim >= b.ndim ? a : b;
  const auto& shorter = a.ndim >= b.ndim ? b : a;
  auto dims = dims_of(longer);
  for (int32_t i = 1; i <= shorter.ndim; ++i) {
    auto& length = dims[static_cast<std::size_t>(longer.ndim - i)];
    const auto other = shorter.shape[shorter.ndim - i];
    if (length != other && length != 1 && other != 1)
      refuse(scope, "elementwise", words(a) + " and " + words(b) + " do not broadcast");
    if (length == 1) length = other;
  }
  return dims;
}

}  // namespace

Value elementwise(const Scope& scope, int32_t op, const strata_view& a, const strata_view* b,
                  double value) {
  takes(scope, "elementwise", "a", a, 0);
  const bool pair = op == STRATA_ADD || op == STRATA_MUL;
  if (op < STRATA_ADD || op > STRATA_SCALE_ROUNDED)
    refuse(scope, "elementwise", "operation " + std::to_string(op) + " is not known");
  if (pair != (b != nullptr))
    refuse(scope, "elementwise",
           pair ? "add and mul take two tensors" : "all but add and mul take one tensor");
  if (pair) {
    takes(scope, "elementwise", "b", *b, 0);
    return {a.dtype, broadcast(scope, a, *b)};
  }
  if (!std::isfinite(value) || ((op == STRATA_SOFT_CAP || op == STRATA_CLAMP) && !(value > 0)))
    refuse(scope, "elementwise", "value " + std::to_string(value) + " is out of range");
  return {a.dtype, dims_of(a)};
}

}  // namespace strata::shape
