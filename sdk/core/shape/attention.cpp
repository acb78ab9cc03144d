#include <cmath>

#include "core/shape/check.hpp"

namespace strata::shape {

Value attention(const Scope& scope, const strata_op_attention& op, const strata_view& q,
                const strata_view& k, const strata_view& v) {
  takes_tokens(scope, "attention", "q", q, 3);
  takes_tokens(scope, "attention", "k", k, 3);
  takes_tokens(scope, "attention", "v", v, 3);
  const int64_t heads = q.shape[1], kv_heads = k.shape[1];
  if (kv_heads == 0 || heads % kv_heads != 0 || v.shape[1] != kv_heads || k.shape[2] != q.shape[2])
    refuse(scope, "attention",
           "q " + words(q) + ", k " + words(k) + ", v " + words(v) + " do not fit each other");
  if ((op.mask & ~uint32_t{STRATA_MASK_CAUSAL | STRATA_MASK_ALIBI}) != 0)
    refuse(scope, "attention", "mask " + std::to_string(op.mask) + " is not known");
  if (op.sinks != STRATA_NONE) takes_weight(scope, "attention", "sinks", op.sinks, {heads});
  if (!(op.scale >= 0) || !std::isfinite(op.scale) || !(op.soft_cap >= 0) ||
      !std::isfinite(op.soft_cap) || !(op.dropout >= 0 && op.dropout < 1) ||
      !std::isfinite(op.alibi_scale))
    refuse(scope, "attention",
           "scale " + std::to_string(op.scale) + ", soft cap " + std::to_string(op.soft_cap) +
               ", dropout " + std::to_string(op.dropout) + " or ALiBi's scale " +
               std::to_string(op.alibi_scale) + " is out of range");
  return {scope.dtype, {scope.tokens, heads * v.shape[2]}};
}

}  // namespace strata::shape
