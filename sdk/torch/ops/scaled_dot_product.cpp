#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>

#include "torch/ops/packed.hpp"
#include "torch/ops/repeatable.hpp"
#include "torch/ops/scale_in_place.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// A mask of the keys that a sequence's tokens see, [count, keys]; with slopes an additive mask for
// the scores of each head, [H, count, keys] in the dtype of q.
at::Tensor kept_mask(const Ragged& ragged, std::size_t i, const Attributes& a,
                     const at::Tensor& slopes, Pass::OnDevice* kept, const at::Tensor& q) {
  const auto index = static_cast<int64_t>(i);
  const void* which = slopes.defined() ? slopes.const_data_ptr() : nullptr;
  if (kept)
    for (const auto& m : kept->masks)
      if (m.causal == a.causal && m.window == a.window && m.sequence == index && m.slopes == which)
        return m.value;
  const auto& s = ragged.sequences[i];
  auto made = which ? mask({{s}, s.count, s.count, s.keys}, a, slopes, q.device())
                          .squeeze(0)
                          .to(q.scalar_type())
                    : visible(s, a, q.device());
  if (kept) kept->masks.push_back({a.causal, a.window, index, which, made});
  return made;
}

// Attention of rows [kv,n,E] over keys [kv,L,E] and values of another width: two products, which
// copy neither keys nor values.
at::Tensor by_products(const at::Tensor& rows, const at::Tensor& k, const at::Tensor& v,
                       const Attributes& a) {
  auto scores = at::bmm(rows, k.transpose(1, 2));
  scale_in_place(scores, a.scale);
  const auto p = at::softmax(scores, -1, at::kFloat).to(rows.scalar_type());
  return at::bmm(p, v);
}

// Attention of one token over all keys that it sees, without a mask. The query heads that share a
// kv head are the rows of one query, so that each key is read once.
at::Tensor one_token(const at::Tensor& q, at::Tensor k, at::Tensor v, const Attributes& a) {
  if (a.window && k.size(0) > a.window) {
    const auto first = k.size(0) - a.window;
    k = k.narrow(0, first, a.window);
    v = v.narrow(0, first, a.window);
  }
  const auto kv = k.size(1);
  if (q.is_cpu() && q.size(2) != v.size(2))
    return by_products(q.view({kv, q.size(1) / kv, q.size(2)}), k.transpose(0, 1),
                       v.transpose(0, 1), a)
        .reshape({1, -1});
  const auto rows = q.view({1, kv, q.size(1) / kv, q.size(2)});
  return repeatable(at::scaled_dot_product_attention(rows, k.transpose(0, 1).unsqueeze(0),
                                                     v.transpose(0, 1).unsqueeze(0), {}, 0, false,
                                                     a.scale))
      .reshape({1, -1});
}

// x [T,H,E] padded with zeros to `width`.
at::Tensor widened(const at::Tensor& x, int64_t width) {
  return x.size(2) == width ? x : at::constant_pad_nd(x, {0, width - x.size(2)});
}

// The kv heads are the batch, and the query heads that share one are its heads; they see a key
// through a stride of zero, so nothing is repeated in memory. On the CPU the fused kernel wants
// values as wide as keys; without it all scores would be held at once.
at::Tensor tokens(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::optional<at::Tensor>& mask, bool causal, const Attributes& a) {
  if (q.is_cpu() && q.size(2) != v.size(2)) {
    const auto wide = std::max(q.size(2), v.size(2));
    return tokens(widened(q, wide), widened(k, wide), widened(v, wide), mask, causal, a)
        .unflatten(1, {q.size(1), wide})
        .narrow(2, 0, v.size(2))
        .reshape({q.size(0), -1});
  }
  const auto kv = k.size(1), share = q.size(1) / kv, n = q.size(0);
  const auto shared = [&](const at::Tensor& x) {
    return x.transpose(0, 1).unsqueeze(1).expand({kv, share, x.size(0), x.size(2)});
  };
  return repeatable(
             at::scaled_dot_product_attention(q.unflatten(1, {kv, share}).permute({1, 2, 0, 3}),
                                              shared(k), shared(v), mask, 0, causal, a.scale))
      .permute({2, 0, 1, 3})
      .reshape({n, -1});
}

at::Tensor sequence(std::size_t i, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const at::Tensor& slopes, const Ragged& ragged, const Attributes& a,
                    Pass::OnDevice* kept) {
  const auto& s = ragged.sequences[i];
  if (slopes.defined()) {
    const auto bias = kept_mask(ragged, i, a, slopes, kept, q);
    return tokens(q, k, v, bias.unflatten(0, {k.size(1), -1}), false, a);
  }
  if (s.count == 1 && a.causal && q.is_contiguous()) return one_token(q, k, v, a);
  const bool all_near = a.window == 0 || s.keys <= a.window;
  if (!a.causal && all_near) return tokens(q, k, v, {}, false, a);
  if (a.causal && all_near && s.count == s.keys) return tokens(q, k, v, {}, true, a);
  return tokens(q, k, v, kept_mask(ragged, i, a, slopes, kept, q), false, a);
}

// Attention of one sequence with its probabilities at hand, of which some are dropped.
at::Tensor with_dropout(std::size_t i, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& slopes, const Ragged& ragged,
                        const Attributes& a, const Dropping& dropping) {
  const auto& s = ragged.sequences[i];
  const auto seen = mask({{s}, s.count, s.count, s.keys}, a, slopes, q.device());
  const auto p = masked_softmax(scores(q.unsqueeze(0), k.unsqueeze(0), a.scale), seen, {});
  const auto kept = dropping.draws.kept_pairs(dropping.source, a.dropout,
                                              {s.start, s.count, q.size(1), s.keys}, q.device());
  return weighted_sum(dropped(p, kept.unsqueeze(0), a.dropout), v.unsqueeze(0)).squeeze(0);
}

}  // namespace

at::Tensor scaled_dot_product(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const at::Tensor& table, const at::Tensor& slopes,
                              const Ragged& ragged, const Attributes& a, Pass::OnDevice* kept,
                              const Dropping* dropping) {
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < ragged.sequences.size(); ++i) {
    const auto& s = ragged.sequences[i];
    const auto query = q.narrow(0, s.start, s.count), key = keys_of(i, k, table, ragged),
               value = keys_of(i, v, table, ragged);
    parts.push_back(dropping && a.dropout > 0
                        ? with_dropout(i, query, key, value, slopes, ragged, a, *dropping)
                        : sequence(i, query, key, value, slopes, ragged, a, kept));
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

}  // namespace strata::torch
