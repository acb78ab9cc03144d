#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// ids [T] int32 or int64, table [V,D] -> [T,D].
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [weight, x] = args.of<&strata_ops::embedding>();
  const auto width = takes_table(scope, "embedding", weight);
  const auto ids = x->view();
  if (ids.dtype.code != STRATA_INT || ids.ndim != 1 || ids.shape[0] != scope.tokens)
    refuse(scope, "embedding",
           "ids " + words(ids) + " are not an integer for each of the " +
               std::to_string(scope.tokens) + " tokens");
  out[0] = {scope.dtype, {scope.tokens, width}};
}

strata_status entry(strata_call* call, uint32_t weight, strata_tensor* x,
                    strata_tensor** out) noexcept {
  return enter(rows::embedding, call, out,
               [&](auto run) { run(1, weight, at("embedding", "x", x)); });
}

}  // namespace

STRATA_OP_ROW(embedding, shape_of, nullptr, entry);

}  // namespace strata::ops
