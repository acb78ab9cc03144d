// The op attention: the KV cache, the request and the backend's arguments.
#include <bit>
#include <cmath>

#include "torch/form.hpp"
#include "torch/ops/arithmetic.hpp"
#include "torch/ops/around_padding.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

strata_attention_request request_for(const strata_op_attention& op, const at::Tensor& q,
                                     const at::Tensor& k, const at::Tensor& v, const Pass& pass,
                                     const UnitCall& call) {
  strata_attention_request r{};
  r.hdr.size = sizeof r;
  r.device = device_of(q.device());
  r.dtype = r.kv_dtype = dtype_of(q.scalar_type());
  r.heads = static_cast<uint32_t>(q.size(1));
  r.kv_heads = static_cast<uint32_t>(k.size(-2));
  r.dim_qk = static_cast<uint32_t>(q.size(2));
  r.dim_v = static_cast<uint32_t>(v.size(-1));
  r.mask = op.mask;
  r.window = op.window;
  r.sinks = op.sinks != STRATA_NONE;
  r.need = call.shared.training ? STRATA_NEED_BACKWARD : 0;
  r.block = pass.blocks() ? pass.room().block : 0;
  // Bounds are rounded to few values, so that there are few instances.
  const auto longest = static_cast<uint64_t>(pass.ragged().max_query);
  r.max_query = static_cast<uint32_t>(std::bit_ceil(longest));
  for (int i = 0; i < 2; ++i) r.q_strides[i] = q.stride(i);
  const int first = pass.blocks() ? 0 : 1;
  for (int i = first; i < 3; ++i) r.kv_strides[i] = k.stride(i - first);
  r.scale = op.scale != 0 ? op.scale : 1 / std::sqrt(static_cast<double>(r.dim_qk));
  r.soft_cap = op.soft_cap;
  r.dropout = call.drops() ? op.dropout : 0;
  return r;
}

// The slopes are kept for the pass: masks made of them are found again by the slopes' address.
at::Tensor slopes_on(Pass::OnDevice& on, int64_t heads, double scale) {
  for (const auto& kept : on.slopes)
    if (kept.scale == scale) return kept.value;
  on.slopes.push_back({scale, alibi_slopes(static_cast<uint32_t>(heads), on.device).mul(scale)});
  return on.slopes.back().value;
}

// Attends part by part, see [Note: around padding]; `in` has no cache.
at::Tensor attend_around_padding(UnitCall& call, const strata_op_attention& op,
                                 const AttentionInput& in) {
  auto& shared = call.shared;
  const auto& device = call.device;
  std::vector<at::Tensor> made;
  std::vector<int64_t> rows;
  for (const auto& part : around_padding(shared.pass, op.window)) {
    if (part.rows.empty()) continue;
    auto own = in;
    own.q = in.q.index_select(0, uploaded(at::tensor(part.rows, at::kLong), device));
    // The keys are a cache of blocks of one token.
    own.k = in.k.unsqueeze(1), own.v = in.v.unsqueeze(1);
    own.starts = uploaded(at::tensor(part.starts, at::kInt), device);
    own.lengths = uploaded(at::tensor(part.keys, at::kInt), device);
    own.table = part.table(device);
    auto request = request_for(op, own.q, in.k, in.v, shared.pass, call);
    request.block = 1;
    request.max_query = static_cast<uint32_t>(std::bit_ceil(static_cast<uint64_t>(part.max_query)));
    for (int i = 0; i < 3; ++i) request.kv_strides[i] = own.k.stride(i);
    if (!part.causal) {
      request.mask &= ~uint32_t{STRATA_MASK_CAUSAL};
      request.window = 0;
    }
    strata_attention_args bounds{};
    bounds.hdr.size = sizeof bounds;
    bounds.max_query = static_cast<uint32_t>(part.max_query);
    bounds.max_keys = static_cast<uint32_t>(part.max_keys);
    const auto ragged = part.ragged();
    shared.pass.attend(&ragged);
    if (shared.training) shared.training->draws.choose(part.rows);
    if (request.dropout > 0) bounds.seed = shared.training->draws.seed(call.next_source());
    const auto y = shared.backend.run(request, call.call.seen, own, bounds);
    shared.pass.attend(nullptr);
    made.push_back(value_of(*y.get()));
    rows.insert(rows.end(), part.rows.begin(), part.rows.end());
  }
  if (shared.training) shared.training->draws.all();
  std::vector<int64_t> places(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    places[static_cast<std::size_t>(rows[i])] = static_cast<int64_t>(i);
  return at::cat(made).index_select(0, uploaded(at::tensor(places, at::kLong), device));
}

}  // namespace

void arithmetic::attention(UnitCall& call, const Args& args, Results out) {
  const auto& [op, q, k, v] = args.of<&strata_ops::attention>();
  auto& shared = call.shared;
  auto& pass = shared.pass;
  auto& on = pass.on(call.device);
  const auto query = value_of(*q).contiguous();
  const bool cached = pass.blocks() > 0;
  const KvCache::Layer kv =
      cached ? shared.cache.append(op->layer, pass, value_of(*k), value_of(*v))
             : KvCache::Layer{value_of(*k).contiguous(), value_of(*v).contiguous()};
  AttentionInput in{query, kv.k, kv.v, on.starts, on.lengths};
  if (cached) in.table = on.table;
  if ((op->mask & STRATA_MASK_ALIBI) != 0)
    in.slopes = slopes_on(on, query.size(1), op->alibi_scale == 0 ? 1 : op->alibi_scale);
  if (op->sinks != STRATA_NONE) in.sinks = call.weights.at(op->sinks).to(at::kFloat);
  if (pass.padded()) {
    out[0] = handle(attend_around_padding(call, *op, in));
    return;
  }

  strata_attention_args bounds{};
  bounds.hdr.size = sizeof bounds;
  bounds.max_query = static_cast<uint32_t>(pass.ragged().max_query);
  bounds.max_keys = static_cast<uint32_t>(pass.ragged().max_keys);
  const auto request = request_for(*op, query, kv.k, kv.v, pass, call);
  // A backend of its own kernels draws from the seed alone: its draws depend on the packing.
  if (request.dropout > 0) bounds.seed = shared.training->draws.seed(call.next_source());
  out[0] = shared.backend.run(request, call.call.seen, in, bounds);
}

}  // namespace strata::torch
