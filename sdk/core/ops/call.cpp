#include "core/error.hpp"
#include "core/ops/op.hpp"
#include "core/ops/op_table.hpp"

namespace strata::ops {
namespace {

// The shapes follow from the name, which only those who compute know.
void shape_of(const Scope&, const Args&, std::span<Value>) {}

// Refuses with the list of ops: none by name can be recorded.
Cost cost_of(const Scope& scope, const Args& args, std::span<const Value>, const Request&) {
  const auto& name = std::get<0>(args.of<&strata_ops::call>());
  std::string names;
  for (const auto* op : by_number())
    if (op && op != &rows::call) names.append(names.empty() ? "" : ", ").append(op->name);
  refuse(scope, "call",
         "no op '" + printable({name.p, static_cast<std::size_t>(name.n)}, 60) + "'; there are " +
             names + ", each by its own function");
}

strata_str not_null(strata_str s) { return s.p ? s : strata_str{"", 0}; }

strata_status entry(strata_call* call, strata_str name, strata_str json, strata_tensor* const* in,
                    uint32_t n_in, strata_tensor** out, uint32_t n_out) noexcept {
  return enter(rows::call, call, out, [&](auto run) {
    if (!in && n_in != 0) plugin::refuse("call", "in is null");
    // An input may be null where it is optional for the op.
    for (uint32_t i = 0; i < n_in; ++i) alive("call", "in[" + std::to_string(i) + "]", in[i]);
    run(n_out, not_null(name), not_null(json), in, n_in);
  });
}

}  // namespace

STRATA_OP_ROW(call, shape_of, cost_of, entry);

}  // namespace strata::ops
