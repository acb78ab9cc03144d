#include <algorithm>

#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// x [..,n] -> [..,widths[i]] in out[i]; the widths are not 0, as many as out, and their sum is n.
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [first, count, tensor] = args.of<&strata_ops::split>();
  const std::span widths(first, count);
  const auto x = tensor->view();
  takes(scope, "split", "x", x, 0);
  auto dims = dims_of(x);
  const auto last = dims.size() - 1;
  int64_t sum = 0;
  for (const auto width : widths) sum += width;
  if (widths.size() != out.size() || sum != dims[last] ||
      std::find(widths.begin(), widths.end(), 0u) != widths.end()) {
    std::string listed;
    for (const auto width : widths) listed.append(" ").append(std::to_string(width));
    refuse(scope, "split", "x " + words(x) + " is not in parts of" + listed);
  }
  for (std::size_t i = 0; i < widths.size(); ++i) {
    dims[last] = widths[i];
    out[i] = {x.dtype, dims};
  }
}

Cost cost_of(const Scope&, const Args& args, std::span<const Value>, const Request&) {
  Cost cost;
  cost.viewed = std::get<2>(args.of<&strata_ops::split>());
  return cost;
}

strata_status entry(strata_call* call, const uint32_t* widths, uint32_t count, strata_tensor* x,
                    strata_tensor** out) noexcept {
  return enter(rows::split, call, out, [&](auto run) {
    if (!widths) plugin::refuse("split", "widths is null");
    run(count, widths, count, at("split", "x", x));
  });
}

}  // namespace

STRATA_OP_ROW(split, shape_of, cost_of, entry);

}  // namespace strata::ops
