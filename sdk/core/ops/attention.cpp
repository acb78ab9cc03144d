#include <cmath>

#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// q [T,H,E], k [T,K,E], v [T,K,Ev], K divides H -> [T,H*Ev].
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [how, query, key, value] = args.of<&strata_ops::attention>();
  const auto& op = *how;
  const auto q = query->view(), k = key->view(), v = value->view();
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
  out[0] = {scope.dtype, {scope.tokens, heads * v.shape[2]}};
}

// The bytes of the backend's instance that would compute this.
uint64_t backend_bytes(const Scope& scope, const strata_op_attention& op, const shape::KvShape& kv,
                       const Request& request) {
  strata_attention_request r{};
  r.hdr.size = sizeof r;
  r.device = request.device;
  r.dtype = r.kv_dtype = request.dtype;
  r.heads = static_cast<uint32_t>(kv.heads);
  r.kv_heads = static_cast<uint32_t>(kv.kv_heads);
  r.dim_qk = static_cast<uint32_t>(kv.dim_qk);
  r.dim_v = static_cast<uint32_t>(kv.dim_v);
  r.mask = op.mask;
  r.window = op.window;
  r.sinks = op.sinks != STRATA_NONE;
  if (request.trains) {
    r.need = STRATA_NEED_BACKWARD;
    r.dropout = op.dropout;
  }
  r.max_query = static_cast<uint32_t>(scope.tokens);
  r.q_strides[0] = kv.heads * kv.dim_qk, r.q_strides[1] = kv.dim_qk;
  r.kv_strides[1] = kv.kv_heads * kv.dim_qk, r.kv_strides[2] = kv.dim_qk;
  r.scale = op.scale != 0 ? op.scale : 1 / std::sqrt(static_cast<double>(r.dim_qk));
  r.soft_cap = op.soft_cap;
  return request.attention_bytes(
      r, {static_cast<uint32_t>(scope.tokens), static_cast<uint32_t>(request.sequences),
          static_cast<uint32_t>(request.keys)});
}

Cost cost_of(const Scope& scope, const Args& args, std::span<const Value>, const Request& request) {
  const auto& [op, query, key, value] = args.of<&strata_ops::attention>();
  const auto q = query->view(), k = key->view(), v = value->view();
  const shape::KvShape kv{op->layer, q.shape[1], k.shape[1], q.shape[2], v.shape[2]};
  const shape::Dims scores{kv.heads, scope.tokens, request.keys};
  Cost cost;
  if (request.attention_bytes) cost.held_bytes = backend_bytes(scope, *op, kv, request);
  if (request.trains) cost.kept_bytes = cost.held_bytes;
  cost.flops =
      2.0 * static_cast<double>(scores.elements()) * static_cast<double>(kv.dim_qk + kv.dim_v);
  cost.kv = kv;
  return cost;
}

strata_status entry(strata_call* call, const strata_op_attention* op, strata_tensor* q,
                    strata_tensor* k, strata_tensor* v, strata_tensor** out) noexcept {
  return enter(rows::attention, call, out, [&](auto run) {
    const auto how = known("attention", op);
    run(1, &how, at("attention", "q", q), at("attention", "k", k), at("attention", "v", v));
  });
}

}  // namespace

STRATA_OP_ROW(attention, shape_of, cost_of, entry);

}  // namespace strata::ops
