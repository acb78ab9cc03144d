#include "latent.hpp"

namespace generic {

using strata::Ops, strata::Tensor;

void declare_latent(strata::Declarer& d, const AttentionBranch& a, std::int64_t D, bool in_out) {
  const auto& l = a.latent;
  const strata::WeightOptions how{.in_out = in_out};
  const auto down = [&](const std::string& name, std::int64_t width) {
    d.weight(name + ".weight", {width, D}, how);
    if (l.bias) d.weight(name + ".bias", {width});
  };
  if (l.q_rank > 0) {
    down(l.q_down, l.q_rank);
    d.weight(l.q_norm + ".weight", {l.q_rank});
    d.weight(l.q_up + ".weight", {a.H * a.E, l.q_rank}, how);
  } else {
    d.weight(a.q + ".weight", {a.H * a.E, D}, how);
    if (a.bias) d.weight(a.q + ".bias", {a.H * a.E});
  }
  down(l.down, l.rank + l.turning);
  d.weight(l.norm + ".weight", {l.rank});
  d.weight(l.up + ".weight", {a.H * (l.plain + a.Ev), l.rank}, how);
}

std::array<Tensor, 3> latent_heads(const Ops& op, const Tensor& x, const AttentionBranch& a,
                                   const strata::Rope& rope) {
  const auto& l = a.latent;
  const strata::RmsNorm norm{.eps = l.eps};
  const auto turned = [&](const Tensor& y) { return a.rope.rotate ? op.rope(y, rope) : y; };
  const auto queries = l.q_rank == 0
                           ? op.linear(x, a.q)
                           : op.linear(op.norm(op.linear(x, l.q_down), l.q_norm, norm), l.q_up);
  const auto q = op.split(op.heads(queries, a.E), {l.plain, l.turning});
  const auto state = op.split(op.linear(x, l.down), {l.rank, l.turning});
  const auto up = op.linear(op.norm(state[0], l.norm, norm), l.up);
  const auto kv = op.split(op.heads(up, l.plain + a.Ev), {l.plain, a.Ev});
  return {op.concat(q[0], turned(q[1])), op.concat(kv[0], turned(op.heads(state[1], l.turning))),
          kv[1]};
}

}  // namespace generic
