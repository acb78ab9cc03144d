#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// Checks that `count` weights from `first` on can be used as one: a single one, or a whole group.
void takes_members(const Scope& scope, std::string_view what, uint32_t first, uint32_t count,
                   std::string_view remedy = shape::correct_family) {
  const auto& begin = declared(scope, "linear", what, first);
  declared(scope, "linear", what, first + count - 1);
  const auto& weights = scope.unit->weights;
  if (count == 1) return;
  const bool begins = first == 0 || weights[first - 1].group != begin.group;
  const bool ends = first + count == weights.size() || weights[first + count].group != begin.group;
  bool one = begin.group != 0 && begins && ends;
  for (uint32_t i = first; i < first + count; ++i) one &= weights[i].group == begin.group;
  if (!one)
    refuse(scope, "linear",
           std::string(what) + ": the " + std::to_string(count) + " weights from " +
               words(begin, first) + " on are not one whole group",
           remedy);
}

// x [R,in] -> one [R,out] for each of op.members, which is out.size().
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [op, tensor] = args.of<&strata_ops::linear>();
  const auto x = tensor->view();
  takes(scope, "linear", "x", x, 2);
  if (op->members == 0 || op->members > shape::most_results || op->members != out.size())
    refuse(scope, "linear", std::to_string(op->members) + " members");
  takes_members(scope, "weight", op->weight, op->members);
  if (op->bias != STRATA_NONE)
    takes_members(scope, "bias", op->bias, op->members,
                  "declare the biases as a second group in the order of the weights");
  for (uint32_t i = 0; i < op->members; ++i) {
    const auto& weight = scope.unit->weights[op->weight + i];
    if (weight.shape.size() != 2 || weight.experts != 0 || weight.shape[1] != x.shape[1])
      refuse(scope, "linear", words(weight, op->weight + i) + " does not take x " + words(x));
    if (op->bias != STRATA_NONE)
      takes_weight(scope, "linear", "bias", op->bias + i, {weight.shape[0]});
    out[i] = {scope.dtype, {x.shape[0], weight.shape[0]}};
  }
}

Cost cost_of(const Scope&, const Args& args, std::span<const Value> results, const Request&) {
  const auto& [op, x] = args.of<&strata_ops::linear>();
  const auto width = static_cast<double>(x->view().shape[1]);
  Cost cost;
  for (const auto& y : results) cost.flops += 2.0 * static_cast<double>(y.dims.elements()) * width;
  return cost;
}

strata_status entry(strata_call* call, const strata_op_linear* op, strata_tensor* x,
                    strata_tensor** out) noexcept {
  return enter(rows::linear, call, out, [&](auto run) {
    const auto how = known("linear", op);
    run(how.members, &how, at("linear", "x", x));
  });
}

}  // namespace

STRATA_OP_ROW(linear, shape_of, cost_of, entry);

}  // namespace strata::ops
