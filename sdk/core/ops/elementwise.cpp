#include <cmath>

#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

shape::Dims broadcast(const Scope& scope, const strata_view& a, const strata_view& b) {
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

// Add, mul: a with b, broadcast from the last dimension on. The others: b null.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [op, first, second, value] = args.of<&strata_ops::elementwise>();
  const auto a = first->view();
  takes(scope, "elementwise", "a", a, 0);
  const bool pair = op == STRATA_ADD || op == STRATA_MUL;
  if (op < STRATA_ADD || op > STRATA_SCALE_ROUNDED)
    refuse(scope, "elementwise", "operation " + std::to_string(op) + " is not known");
  if (pair != (second != nullptr))
    refuse(scope, "elementwise",
           pair ? "add and mul take two tensors" : "all but add and mul take one tensor");
  if (pair) {
    const auto b = second->view();
    takes(scope, "elementwise", "b", b, 0);
    out[0] = {a.dtype, broadcast(scope, a, b)};
    return;
  }
  if (!std::isfinite(value) || ((op == STRATA_SOFT_CAP || op == STRATA_CLAMP) && !(value > 0)))
    refuse(scope, "elementwise", "value " + std::to_string(value) + " is out of range");
  out[0] = {a.dtype, dims_of(a)};
}

Cost cost_of(const Scope&, const Args& args, std::span<const Value> results, const Request&) {
  Cost cost;
  // A soft cap needs its tanh.
  if (std::get<0>(args.of<&strata_ops::elementwise>()) == STRATA_SOFT_CAP)
    cost.kept_bytes = bytes_of(results[0]);
  return cost;
}

strata_status entry(strata_call* call, int32_t op, strata_tensor* a, strata_tensor* b, double value,
                    strata_tensor** out) noexcept {
  return enter(rows::elementwise, call, out, [&](auto run) {
    run(1, op, at("elementwise", "a", a), alive("elementwise", "b", b), value);
  });
}

}  // namespace

STRATA_OP_ROW(elementwise, shape_of, cost_of, entry);

}  // namespace strata::ops
