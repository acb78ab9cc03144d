#include "settings.hpp"

#include <algorithm>
#include <strata/ops.hpp>

namespace generic {
namespace {

constexpr std::int64_t most_layers = 1024;

Branch read_branch(const Reader& r, const std::string& section) {
  return {r.text(section + ".norm", ""), r.text(section + ".post_norm", ""),
          r.text(section + ".sum_norm", "")};
}

Rotary read_rotary(const Reader& r) {
  Rotary out;
  out.rotate = r.flag("rope.rotate", true);
  out.plain = r.flag("rope.plain", false);
  out.interleaved = r.flag("rope.interleaved", false);
  out.path = r.text("rope.path", "");
  out.theta = r.number("rope.theta", 10000);
  out.dim = r.size("rope.dim", 0);
  out.fraction = r.number("rope.fraction", 1);
  if (!(out.fraction > 0 && out.fraction <= 1))
    throw r.invalid("rope.fraction", "it is not between 0 and 1");
  if (!(out.theta > 0)) throw r.invalid("rope.theta", "it is not above 0");
  return out;
}

AttentionBranch read_attention(const Reader& r, const Settings& all) {
  AttentionBranch out;
  static_cast<Branch&>(out) = read_branch(r, "attention");
  out.H = r.size("attention.heads");
  out.K = r.size("attention.kv_heads", out.H);
  if (out.H % out.K != 0)
    throw r.invalid("attention.kv_heads", std::to_string(out.K) + " does not divide the " +
                                              std::to_string(out.H) + " heads: mend config.json");
  out.E = r.size("attention.head_dim", std::max<std::int64_t>(all.D / out.H, 1));
  out.layout =
      static_cast<Layout>(r.choice("attention.layout", {"separate", "fused", "interleaved"}));
  if (out.layout == Layout::separate)
    out.q = r.text("attention.q"), out.k = r.text("attention.k"), out.v = r.text("attention.v");
  else
    out.qkv = r.text("attention.qkv");
  out.out = r.text("attention.out");
  out.bias = r.flag("attention.bias", false);
  out.out_bias = r.flag("attention.out_bias", out.bias);
  if (r.has("attention.qk_norm"))
    out.qk_norm =
        static_cast<QkNorm>(r.choice("attention.qk_norm", {"none", "head", "heads", "width"}));
  if (out.qk_norm != QkNorm::none)
    out.q_norm = r.text("attention.q_norm"), out.k_norm = r.text("attention.k_norm");
  out.norm_turned = r.flag("attention.norm_turned", false);
  if (out.norm_turned && out.qk_norm == QkNorm::width)
    throw r.invalid("attention.norm_turned", "q and k are turned by head, 'width' is over all");
  if (out.qk_norm == QkNorm::width && out.layout != Layout::separate)
    throw r.invalid("attention.qk_norm", "'width' needs q and k apart: layout 'separate'");
  if (out.qk_norm == QkNorm::heads && (!all.norm.affine || all.norm.bias || all.norm.offset != 0))
    throw r.invalid("attention.qk_norm", "'heads' is a norm with a weight alone");
  out.scale = r.number("attention.scale", 0);
  out.soft_cap = r.number("attention.soft_cap", 0);
  out.clip = r.number("attention.clip", 0);
  out.alibi = r.flag("attention.alibi", false);
  out.alibi_scale = r.number("attention.alibi_scale", 1);
  out.sinks = r.text("attention.sinks", "");
  out.dropout = r.number("attention.dropout", 0);
  const auto window = r.number("attention.window", 0);
  if (!(window >= 0 && window <= UINT32_MAX && window == static_cast<std::uint32_t>(window)))
    throw r.invalid("attention.window", "it is no count of tokens: mend config.json");
  out.window = static_cast<std::uint32_t>(window);
  out.rope = read_rotary(r);
  return out;
}

std::int32_t activation(const Reader& r, const std::string& key) {
  try {
    return strata::activation_named(r.text(key));
  } catch (const strata::Failure& e) {
    throw r.invalid(key, e.what());
  }
}

Mlp read_mlp(const Reader& r, const std::string& section) {
  Mlp out;
  out.F = r.size(section + ".width");
  out.gate_up = r.text(section + ".gate_up", "");
  out.gate = r.text(section + ".gate", "");
  if (out.gate_up.empty()) out.up = r.text(section + ".up");
  out.down = r.text(section + ".down");
  out.bias = r.flag(section + ".bias", false);
  out.down_bias = r.flag(section + ".down_bias", out.bias);
  out.activation = activation(r, section + ".activation");
  return out;
}

// One tensor an expert, or made-up names for slices of one of them all.
void read_expert_names(const Reader& r, Experts& out) {
  out.all_gate_up = r.text("experts.all_gate_up", "");
  out.all_up = r.text("experts.all_up", "");
  out.all_down = r.text("experts.all_down", "");
  out.by_turns = r.flag("experts.by_turns", false);
  out.all_gate_up_bias = r.text("experts.all_gate_up_bias", "");
  out.all_down_bias = r.text("experts.all_down_bias", "");
  if (!out.all_gate_up.empty() && !out.all_up.empty())
    throw r.invalid("experts.all_up", "all_gate_up holds it");
  const bool stacked = !out.all_down.empty() && !r.has("experts.down");
  out.gate = r.text("experts.gate", stacked && !out.all_gate_up.empty() ? "expert.{}.gate" : "");
  out.up = stacked ? "expert.{}.up" : r.text("experts.up");
  out.down = stacked ? "expert.{}.down" : r.text("experts.down");
  for (const auto* name : {&out.gate, &out.up, &out.down})
    if (!name->empty() && name->find("{}") == name->npos)
      throw r.invalid("experts.up", "'" + *name + "' has no {} for the expert's number");
}

void read_groups(const Reader& r, Experts& out) {
  const auto groups = r.size("experts.groups", 1);
  if (groups == 1) return;
  const auto top = r.size("experts.top_groups"), best = r.size("experts.group_best");
  const auto each = groups <= out.X && out.X % groups == 0 ? out.X / groups : 0;
  if (top > groups || best > each || out.top_k > top * each)
    throw r.invalid("experts.groups", std::to_string(top) + " of " + std::to_string(groups) +
                                          " groups of " + std::to_string(out.X) +
                                          " experts: mend config.json");
  out.groups = static_cast<std::uint32_t>(groups);
  out.top_groups = static_cast<std::uint32_t>(top);
  out.group_best = static_cast<std::uint32_t>(best);
}

Experts read_experts(const Reader& r, bool in_out) {
  Experts out;
  constexpr std::int64_t most = 65536;
  out.X = r.size("experts.count");
  const auto top_k = r.size("experts.top_k");
  if (out.X > most || top_k > out.X)
    throw r.invalid("experts.top_k", std::to_string(top_k) + " of " + std::to_string(out.X) +
                                         " experts: mend config.json");
  out.top_k = static_cast<std::uint32_t>(top_k);
  out.F = r.size("experts.width");
  out.router = r.text("experts.router");
  out.router_bias = r.flag("experts.router_bias", false);
  out.router_float32 = r.flag("experts.router_float32", false);
  out.choice = r.text("experts.choice", "");
  out.choice_also = r.text("experts.choice_also", "");
  read_groups(r, out);
  out.sigmoid = r.has("experts.score") && r.choice("experts.score", {"softmax", "sigmoid"}) == 1;
  out.normalise = r.flag("experts.normalise", false);
  out.least_sum = r.number("experts.least_sum", 0);
  out.scale = r.number("experts.scale", 1);
  out.limit = r.number("experts.limit", 0);
  out.up_offset = r.number("experts.up_offset", 0);
  if (!(out.least_sum >= 0 && out.limit >= 0))
    throw r.invalid(out.limit >= 0 ? "experts.least_sum" : "experts.limit", "it is below 0");
  out.bias = r.flag("experts.bias", false);
  out.activation = activation(r, "experts.activation");
  out.in_out = r.flag("experts.in_out", in_out);
  read_expert_names(r, out);
  if (out.gate.empty() && (out.limit != 0 || out.up_offset != 0))
    throw r.invalid("experts.gate", "a limit or an offset of up needs one");
  return out;
}

MlpBranch read_mlp_branch(const Reader& r, bool in_out) {
  MlpBranch out;
  static_cast<Branch&>(out) = read_branch(r, "mlp");
  if (!r.has("experts.count") || !r.flag("experts.layers", true)) {
    out.dense = read_mlp(r, "mlp");
    return out;
  }
  out.experts = read_experts(r, in_out);
  if (r.text("shared.down", "").empty()) return out;
  out.shared = read_mlp(r, "shared");
  out.shared_router = r.text("shared.router", "");
  return out;
}

void read_ends(const Reader& r, Settings& out) {
  out.embedding = r.text("embedding.name");
  out.embedding_norm = r.text("embedding.norm", "");
  out.embedding_scale = r.number("embedding.scale", 1);
  out.embedding_rounded = r.flag("embedding.rounded", false);
  out.positions = r.text("embedding.positions", "");
  if (!out.positions.empty()) {
    out.position_offset = r.size("embedding.position_offset", 0);
    out.position_count = r.size("embedding.position_count") + out.position_offset;
  }
  out.head = r.text("head.name");
  out.head_norm = r.text("head.norm", "");
  out.head_bias = r.flag("head.bias", false);
  out.head_scale = r.number("head.scale", 1);
  out.head_soft_cap = r.number("head.soft_cap", 0);
  if (!r.flag("head.tied", false)) return;
  if (out.head_bias)
    throw r.invalid("head.tied", "a head that is the embedding has no bias: mend config.json");
  out.head = out.embedding;
}

std::string layer_prefix(const Reader& r, std::int64_t layer) {
  auto text = r.text("model.layer");
  const auto at = text.find("{}");
  if (at == text.npos) throw r.invalid("model.layer", "it has no {} for the layer's number");
  return text.replace(at, 2, std::to_string(layer));
}

}  // namespace

Settings read_settings(const Description& description, const Values& values) {
  description.check(values);
  const Reader whole(description, values);
  Settings out;
  out.V = whole.size("model.vocabulary");
  out.D = whole.size("model.hidden");
  out.parallel = whole.flag("model.parallel", false);
  out.in_out = whole.flag("model.in_out", false);
  out.residual_scale = whole.number("model.residual_scale", 1);
  out.norm.rms = whole.choice("norm.kind", {"rms", "layer"}) == 0;
  out.norm.eps = whole.number("norm.eps", 1e-6);
  out.norm.offset = whole.number("norm.offset", 0);
  out.norm.affine = whole.flag("norm.affine", true);
  out.norm.bias = whole.flag("norm.bias", false);
  if (out.norm.bias && (out.norm.rms || !out.norm.affine))
    throw whole.invalid("norm.bias", "only a layer norm with a weight has a bias");
  if (out.norm.offset != 0 && !out.norm.affine)
    throw whole.invalid("norm.offset", "only a norm with a weight has an offset");
  read_ends(whole, out);
  const auto layers = whole.size("model.layers");
  if (layers > most_layers)
    throw whole.invalid("model.layers", std::to_string(layers) + " layers are more than " +
                                            std::to_string(2 * most_layers) +
                                            " units: mend config.json");
  for (std::int64_t l = 0; l < layers; ++l) {
    const Reader r(description, values, l);
    out.layers.push_back(
        {layer_prefix(r, l), read_attention(r, out), read_mlp_branch(r, out.in_out)});
    const auto& made = out.layers.back();
    if (out.parallel && !(made.attention.post_norm + made.attention.sum_norm + made.mlp.post_norm +
                          made.mlp.sum_norm)
                             .empty())
      throw r.invalid("model.parallel", "parallel branches have no post_norm or sum_norm");
  }
  return out;
}

}  // namespace generic
