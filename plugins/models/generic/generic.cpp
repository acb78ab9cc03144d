// A decoder that a description defines: descriptions/<model_type>.toml says which weights there are
// and what is computed with them, and takes numbers from config.json. docs/descriptions.md has the
// language.
// Dims: T tokens, V vocabulary, D hidden, F ffn, H heads, K kv heads, E head, X experts.
#include <strata/model.hpp>

#include "folders.hpp"
#include "settings.hpp"

namespace {

using generic::AttentionBranch, generic::Branch, generic::Experts, generic::Layout, generic::Mlp,
    generic::MlpBranch, generic::QkNorm;
using strata::Ops, strata::Tensor;

constexpr strata::OptionKey option_keys[] = {
    {"descriptions", "text", "", "folder of descriptions that go before the installed ones"},
};

generic::Settings settings_for(const strata::Config& c) {
  const auto type = c.text("model_type");
  const auto file = generic::find_description(type);
  if (file.empty())
    throw strata::Failure(STRATA_INVALID, "model_type '" + type + "': no description of it: put " +
                                              type + ".toml into a folder of STRATA_DESCRIPTIONS");
  const generic::Description description(generic::read_description(file), file.string());
  if (description.model_type() != type)
    throw description.invalid(nullptr, "model_type",
                              "'" + description.model_type() + "' is not the file's name");
  return generic::read_settings(description, {c.raw(), description.defaults()});
}

// What turns the heads of one layer.
strata::Rope rope_of(const strata::Config& c, const AttentionBranch& a) {
  const auto& how = a.rope;
  const bool there = how.path.empty() || c.has(how.path);
  const auto path = there ? how.path : std::string();
  strata::Rope out{};
  if (!there && how.plain) {
    out.hdr = strata::header<strata_op_rope>();
    out.type = {STRATA_STR("default")};
    out.theta = how.theta, out.factor = out.attention_factor = 1;
  } else {
    out = c.rope(path, how.theta, static_cast<std::uint32_t>(a.E));
  }
  const auto within = path.empty() ? "rope_parameters.partial_rotary_factor|partial_rotary_factor"
                                   : path + ".partial_rotary_factor|partial_rotary_factor";
  if (how.dim > 0)
    out.dim = static_cast<std::uint32_t>(how.dim);
  else if (!c.has(within))
    out.dim = static_cast<std::uint32_t>(static_cast<double>(a.E) * how.fraction);
  out.layout = how.interleaved ? STRATA_ROPE_INTERLEAVED : STRATA_ROPE_HALVES;
  if (out.dim % 2 != 0 || out.dim > a.E)
    throw strata::Failure(STRATA_INVALID, std::to_string(out.dim) + " dimensions of heads of " +
                                              std::to_string(a.E) +
                                              " cannot turn in pairs: mend config.json");
  return out;
}

struct Generic : generic::Settings {
  std::vector<strata::Rope> ropes;  // of each layer
  std::int64_t first;               // unit of the first layer

  explicit Generic(const strata::Config& c)
      : Settings(settings_for(c)), first(positions.empty() && embedding_norm.empty() ? 1 : 2) {
    for (const auto& layer : layers)
      ropes.push_back(layer.attention.rope.rotate ? rope_of(c, layer.attention) : strata::Rope{});
  }

  static std::int32_t score(std::string_view model_type, const strata::Config&) {
    return generic::find_description(model_type).empty() ? 0 : 10;
  }
  static std::span<const strata::OptionKey> keys() { return option_keys; }
  static void configure(const strata::Config& options) {
    generic::use_folder(options.text("descriptions", ""));
  }

  // What there is, in the order of the pass. A layer is two units, or one where its branches are
  // parallel.
  void declare(strata::Declarer& d) const {
    d.embedding().weight(embedding + ".weight", {V, D});
    if (first == 2) {
      d.unit("", "positions");
      if (!positions.empty()) d.weight(positions + ".weight", {position_count, D});
      declare_norm(d, embedding_norm, D);
    }
    for (const auto& layer : layers) {
      d.unit(layer.prefix, parallel ? "" : "attention");
      declare_attention(d, layer.attention);
      if (!parallel) d.unit(layer.prefix, "mlp");
      declare_mlp_branch(d, layer.mlp);
    }
    declare_norm(d.head(), head_norm, D);
    d.weight(head + ".weight", {V, D});
    if (head_bias) d.weight(head + ".bias", {V});
  }

  void declare_norm(strata::Declarer& d, const std::string& name, std::int64_t width) const {
    if (name.empty() || !norm.affine) return;
    d.weight(name + ".weight", {width});
    if (norm.bias) d.weight(name + ".bias", {width});
  }

  void declare_linear(strata::Declarer& d, const std::string& name, std::int64_t out,
                      std::int64_t in, bool bias) const {
    d.weight(name + ".weight", {out, in}, {.in_out = in_out});
    if (bias) d.weight(name + ".bias", {out});
  }

  void declare_branch(strata::Declarer& d, const Branch& branch) const {
    for (const auto* name : {&branch.norm, &branch.post_norm, &branch.sum_norm})
      declare_norm(d, *name, D);
  }

  void declare_attention(strata::Declarer& d, const AttentionBranch& a) const {
    const auto q = a.H * a.E, kv = a.K * a.E;
    declare_branch(d, a);
    if (a.layout != Layout::separate) {
      declare_linear(d, a.qkv, q + 2 * kv, D, a.bias);
    } else {
      const strata::WeightOptions how{.in_out = in_out};
      d.group({{a.q + ".weight", {q, D}, how},
               {a.k + ".weight", {kv, D}, how},
               {a.v + ".weight", {kv, D}, how}});
      if (a.bias) d.group({{a.q + ".bias", {q}}, {a.k + ".bias", {kv}}, {a.v + ".bias", {kv}}});
    }
    if (a.qk_norm == QkNorm::heads)
      d.weight(a.q_norm + ".weight", {a.H, a.E}).weight(a.k_norm + ".weight", {a.K, a.E});
    if (a.qk_norm == QkNorm::head || a.qk_norm == QkNorm::width) {
      const bool wide = a.qk_norm == QkNorm::width;
      declare_norm(d, a.q_norm, wide ? q : a.E);
      declare_norm(d, a.k_norm, wide ? kv : a.E);
    }
    if (!a.sinks.empty()) d.weight(a.sinks, {a.H});
    declare_linear(d, a.out, D, q, a.out_bias);
  }

  void declare_mlp_branch(strata::Declarer& d, const MlpBranch& m) const {
    declare_branch(d, m);
    if (m.dense.F > 0) return declare_mlp(d, m.dense);
    declare_experts(d, m.experts);
    if (m.shared.F > 0) declare_mlp(d, m.shared);
    if (!m.shared_router.empty()) declare_linear(d, m.shared_router, 1, D, false);
  }

  void declare_mlp(strata::Declarer& d, const Mlp& m) const {
    if (!m.gate_up.empty()) {
      declare_linear(d, m.gate_up, 2 * m.F, D, m.bias);
    } else if (!m.gate.empty()) {
      const strata::WeightOptions how{.in_out = in_out};
      d.group({{m.gate + ".weight", {m.F, D}, how}, {m.up + ".weight", {m.F, D}, how}});
      if (m.bias) d.group({{m.gate + ".bias", {m.F}}, {m.up + ".bias", {m.F}}});
    } else {
      declare_linear(d, m.up, m.F, D, m.bias);
    }
    declare_linear(d, m.down, D, m.F, m.down_bias);
  }

  void declare_experts(strata::Declarer& d, const Experts& e) const {
    d.weight(e.router + ".weight", {e.X, D}, {.router = true, .float32 = e.router_float32});
    if (e.router_bias) d.weight(e.router + ".bias", {e.X}, {.float32 = e.router_float32});
    if (!e.choice.empty()) d.weight(e.choice, {e.X}, {.also = e.choice_also, .float32 = true});
    strata::WeightOptions how{.experts = static_cast<std::uint32_t>(e.X), .in_out = e.in_out};
    how.also = e.gate.empty() ? e.all_up : e.all_gate_up;
    how.by_turns = e.by_turns;
    if (e.gate.empty())
      d.weight(e.up + ".weight", {e.F, D}, how);
    else
      d.group({{e.gate + ".weight", {e.F, D}, how}, {e.up + ".weight", {e.F, D}, how}});
    how.also = e.all_down;
    how.by_turns = false;
    d.weight(e.down + ".weight", {D, e.F}, how);
    if (e.bias) declare_expert_biases(d, e);
  }

  void declare_expert_biases(strata::Declarer& d, const Experts& e) const {
    strata::WeightOptions how{.experts = static_cast<std::uint32_t>(e.X)};
    how.also = e.all_gate_up_bias;
    how.by_turns = e.by_turns;
    if (e.gate.empty())
      d.weight(e.up + ".bias", {e.F}, how);
    else
      d.group({{e.gate + ".bias", {e.F}, how}, {e.up + ".bias", {e.F}, how}});
    how.also = e.all_down_bias;
    how.by_turns = false;
    d.weight(e.down + ".bias", {D}, how);
  }

  // What one unit computes: [T,D] -> [T,D]; the embedding takes ids [T], the head gives [T,V].
  Tensor forward(const Ops& op, std::int64_t unit, Tensor x) const {
    if (unit == 0) return embed(op, x);
    if (unit < first) return place(op, x);
    const std::int64_t at = unit - first, units = parallel ? 1 : 2;
    if (at / units == static_cast<std::int64_t>(layers.size())) return logits(op, x);
    const auto layer = static_cast<std::size_t>(at / units);
    const auto& [prefix, a, m] = layers[layer];
    if (parallel) {
      const auto y = normed(op, x, a.norm);
      return x + scaled(op, attention(op, y, layer)) +
             scaled(op, mlp(op, m.norm.empty() ? y : normed(op, x, m.norm), m));
    }
    const Branch& branch = at % 2 == 0 ? static_cast<const Branch&>(a) : m;
    auto y = normed(op, x, branch.norm);
    y = at % 2 == 0 ? attention(op, y, layer) : mlp(op, y, m);
    return normed(op, x + scaled(op, normed(op, y, branch.post_norm)), branch.sum_norm);
  }

  Tensor embed(const Ops& op, const Tensor& ids) const {
    auto x = op.embedding(ids, embedding);
    if (embedding_scale == 1) return x;
    return embedding_rounded ? op.scale_rounded(x, embedding_scale) : op.scale(x, embedding_scale);
  }

  Tensor place(const Ops& op, Tensor x) const {
    if (!positions.empty()) x = x + op.positions(positions, position_offset);
    return normed(op, x, embedding_norm);
  }

  Tensor logits(const Ops& op, const Tensor& x) const {
    auto y = op.linear(normed(op, x, head_norm), head);
    if (head_scale != 1) y = op.scale(y, head_scale);
    return head_soft_cap == 0 ? y : op.soft_cap(y, head_soft_cap);
  }

  Tensor normed(const Ops& op, const Tensor& x, const std::string& name) const {
    if (name.empty()) return x;
    return norm.affine ? affine(op, x, name) : bare(op, x);
  }
  Tensor affine(const Ops& op, const Tensor& x, const std::string& name) const {
    return norm.rms ? op.norm(x, name, strata::RmsNorm{.eps = norm.eps, .offset = norm.offset})
                    : op.norm(x, name, strata::LayerNorm{.eps = norm.eps, .offset = norm.offset});
  }
  Tensor bare(const Ops& op, const Tensor& x) const {
    return norm.rms ? op.norm(x, strata::RmsNorm{.eps = norm.eps})
                    : op.norm(x, strata::LayerNorm{.eps = norm.eps});
  }

  Tensor scaled(const Ops& op, const Tensor& x) const {
    return residual_scale == 1 ? x : op.scale(x, residual_scale);
  }

  // [T,D] -> [T,H,E], [T,K,E], [T,K,E]
  std::array<Tensor, 3> heads(const Ops& op, const Tensor& x, const AttentionBranch& a) const {
    if (a.layout != Layout::separate) {
      auto y = op.linear(x, a.qkv);
      if (a.clip > 0) y = op.clamp(y, a.clip);
      return op.heads(
          y, {.q = a.H, .kv = a.K, .dim = a.E, .interleaved = a.layout == Layout::interleaved});
    }
    auto qkv = op.linear(x, {a.q.c_str(), a.k.c_str(), a.v.c_str()});
    if (a.qk_norm == QkNorm::width)
      qkv[0] = normed(op, qkv[0], a.q_norm), qkv[1] = normed(op, qkv[1], a.k_norm);
    for (auto& y : qkv) {
      if (a.clip > 0) y = op.clamp(y, a.clip);
      y = op.heads(y, a.E);
    }
    return qkv;
  }

  Tensor head_norm_of(const Ops& op, const Tensor& x, const AttentionBranch& a,
                      const std::string& name) const {
    if (a.qk_norm == QkNorm::head) return normed(op, x, name);
    return a.qk_norm == QkNorm::heads ? bare(op, x) * op.weight(name) : x;
  }

  Tensor attention(const Ops& op, const Tensor& x, std::size_t layer) const {
    const auto& a = layers[layer].attention;
    auto parts = heads(op, x, a);
    auto &q = parts[0], &k = parts[1], &v = parts[2];
    const auto turn = [&] {
      if (a.rope.rotate) q = op.rope(q, ropes[layer]), k = op.rope(k, ropes[layer]);
    };
    if (a.norm_turned) turn();
    q = head_norm_of(op, q, a, a.q_norm), k = head_norm_of(op, k, a, a.k_norm);
    if (!a.norm_turned) turn();
    const auto y = op.attention(q, k, v,
                                {.layer = static_cast<std::int64_t>(layer),
                                 .alibi = a.alibi,
                                 .window = a.window,
                                 .sinks = a.sinks,
                                 .scale = a.scale,
                                 .soft_cap = a.soft_cap,
                                 .dropout = a.dropout,
                                 .alibi_scale = a.alibi_scale});
    return op.linear(y, a.out);
  }

  Tensor mlp(const Ops& op, const Tensor& x, const MlpBranch& m) const {
    if (m.dense.F > 0) return dense(op, x, m.dense);
    const auto& e = m.experts;
    const auto y = op.moe(x, {.router = e.router,
                              .gate = e.gate,
                              .up = e.up,
                              .down = e.down,
                              .top_k = e.top_k,
                              .route = e.sigmoid ? STRATA_ROUTE_SIGMOID : STRATA_ROUTE_SOFTMAX,
                              .normalise = e.normalise,
                              .activation = static_cast<std::uint32_t>(e.activation),
                              .scale = e.scale,
                              .choice = e.choice,
                              .groups = e.groups,
                              .top_groups = e.top_groups,
                              .group_best = e.group_best,
                              .least_sum = e.least_sum,
                              .limit = e.limit,
                              .up_offset = e.up_offset});
    if (m.shared.F == 0) return y;
    const auto shared = dense(op, x, m.shared);
    if (m.shared_router.empty()) return y + shared;
    return y + op.activation(op.linear(x, m.shared_router), STRATA_SIGMOID) * shared;
  }

  Tensor dense(const Ops& op, const Tensor& x, const Mlp& m) const {
    const auto f = m.activation;
    if (!m.gate_up.empty()) return op.linear(op.gated(op.linear(x, m.gate_up), f), m.down);
    if (m.gate.empty()) return op.linear(op.activation(op.linear(x, m.up), f), m.down);
    const auto [gate, up] = op.linear(x, {m.gate.c_str(), m.up.c_str()});
    return op.linear(op.gated(gate, up, f), m.down);
  }
};

}  // namespace

STRATA_MODEL_PLUGIN(Generic, "generic", "1.0.0");
