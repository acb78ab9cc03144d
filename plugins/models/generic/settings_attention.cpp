#include <algorithm>

#include "reading.hpp"

namespace generic {
namespace {

Latent read_latent(const Reader& r, const Norm& norm) {
  if (!norm.rms || !norm.affine || norm.offset != 0)
    throw r.invalid("attention.layout", "'latent' has norms of the kind 'rms' with a weight alone");
  Latent out;
  out.plain = r.size("latent.plain");
  out.turning = r.size("latent.turning");
  out.rank = r.size("latent.rank");
  out.down = r.text("latent.down");
  out.norm = r.text("latent.norm");
  out.up = r.text("latent.up");
  out.q_rank = read_count(r, "latent.q_rank", 0);
  if (out.q_rank > 0) {
    out.q_down = r.text("latent.q_down");
    out.q_norm = r.text("latent.q_norm");
    out.q_up = r.text("latent.q_up");
  }
  out.bias = r.flag("latent.bias", false);
  out.eps = r.number("latent.eps", norm.eps);
  return out;
}

// Reads the weights of q, k and v.
void read_heads(const Reader& r, const Settings& all, AttentionBranch& out) {
  out.layout = static_cast<Layout>(
      r.choice("attention.layout", {"separate", "fused", "interleaved", "latent"}));
  out.bias = r.flag("attention.bias", false);
  if (out.layout == Layout::latent) {
    out.latent = read_latent(r, all.norm);
    out.K = out.H;
    out.E = out.latent.plain + out.latent.turning;
    out.Ev = r.size("latent.value");
    if (out.latent.q_rank == 0) out.q = r.text("attention.q");
    return;
  }
  out.K = r.size("attention.kv_heads", out.H);
  if (out.H % out.K != 0)
    throw r.invalid("attention.kv_heads", std::to_string(out.K) + " does not divide the " +
                                              std::to_string(out.H) + " heads: fix config.json");
  out.E = r.size("attention.head_dim", std::max<std::int64_t>(all.D / out.H, 1));
  out.Ev = r.size("attention.value_dim", out.E);
  if (out.Ev != out.E && out.layout != Layout::separate)
    throw r.invalid("attention.value_dim", "one weight of q, k and v has heads of one width");
  if (out.layout == Layout::separate)
    out.q = r.text("attention.q"), out.k = r.text("attention.k"), out.v = r.text("attention.v");
  else
    out.qkv = r.text("attention.qkv");
}

}  // namespace

AttentionBranch read_attention(const Reader& r, const Settings& all) {
  AttentionBranch out;
  static_cast<Branch&>(out) = read_branch(r, "attention");
  out.H = r.size("attention.heads");
  read_heads(r, all, out);
  out.out = r.text("attention.out");
  out.out_bias = r.flag("attention.out_bias", out.bias);
  if (r.has("attention.qk_norm"))
    out.qk_norm = static_cast<QkNorm>(
        r.choice("attention.qk_norm", {"none", "head", "heads", "width", "each"}));
  if (out.qk_norm != QkNorm::none)
    out.q_norm = r.text("attention.q_norm"), out.k_norm = r.text("attention.k_norm");
  if (out.qk_norm == QkNorm::each)
    for (const auto* name : {&out.q_norm, &out.k_norm})
      if (name->find("{}") == name->npos)
        throw r.invalid("attention.q_norm", "'" + *name + "' has no {} for the head's number");
  out.norm_turned = r.flag("attention.norm_turned", false);
  if (out.layout == Layout::latent && (out.qk_norm != QkNorm::none || r.has("attention.clip")))
    throw r.invalid("attention.layout", "'latent' has no qk_norm and no clip");
  if (out.norm_turned && out.qk_norm == QkNorm::width)
    throw r.invalid("attention.norm_turned", "q and k are turned by head, 'width' is over all");
  if (out.qk_norm == QkNorm::width && out.layout != Layout::separate)
    throw r.invalid("attention.qk_norm", "'width' needs q and k apart: layout 'separate'");
  if (out.qk_norm == QkNorm::heads && (!all.norm.affine || all.norm.bias || all.norm.offset != 0))
    throw r.invalid("attention.qk_norm", "'heads' is a norm with a weight alone");
  out.scale = r.number("attention.scale", 0);
  out.soft_cap = r.number("attention.soft_cap", 0);
  out.clip = r.number("attention.clip", 0);
  out.value_scale = r.number("attention.value_scale", 1);
  out.alibi = r.flag("attention.alibi", false);
  out.alibi_scale = r.number("attention.alibi_scale", 1);
  out.sinks = r.text("attention.sinks", "");
  out.dropout = read_rate(r, "attention.dropout");
  const auto window = r.number("attention.window", 0);
  if (!(window >= 0 && window <= UINT32_MAX && window == static_cast<std::uint32_t>(window)))
    throw r.invalid("attention.window", "it is no count of tokens: fix config.json");
  out.window = static_cast<std::uint32_t>(window);
  out.rope = read_rotary(r, out.layout == Layout::latent ? out.latent.turning : out.E);
  return out;
}

}  // namespace generic
