// A decoder that a description defines: descriptions/<model_type>.toml lists the weights and the
// computation, and takes numbers from config.json. docs/descriptions.md defines the language.
// Dims: T tokens, V vocabulary, D hidden, F ffn, H heads, K kv heads, E head, Ev value, X experts.
#include <strata/model.hpp>

#include "declare.hpp"
#include "folders.hpp"
#include "latent.hpp"
#include "rotary.hpp"
#include "settings.hpp"

namespace {

using generic::AttentionBranch, generic::Branch, generic::Layout, generic::Mlp, generic::MlpBranch,
    generic::QkNorm;
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
  return generic::read_settings(
      description, {c.raw(), description.defaults(), description.nulls(), description.names()});
}

struct Generic : generic::Settings {
  std::vector<strata::Rope> ropes;  // one for each layer
  std::int64_t first;               // unit of the first layer

  explicit Generic(const strata::Config& c)
      : Settings(settings_for(c)), first(positions.empty() && embedding_norm.empty() ? 1 : 2) {
    for (auto& layer : layers) {
      auto& a = layer.attention;
      ropes.push_back(a.rope.rotate ? generic::rope_of(c, a) : strata::Rope{});
      if (a.rope.mscale != 0) a.scale = generic::score_scale(a, ropes.back());
    }
  }

  static std::int32_t score(std::string_view model_type, const strata::Config&) {
    return generic::find_description(model_type).empty() ? 0 : 10;
  }
  static std::span<const strata::OptionKey> keys() { return option_keys; }
  static void configure(const strata::Config& options) {
    generic::use_folder(options.text("descriptions", ""));
  }

  void declare(strata::Declarer& d) const { generic::declare_units(*this, first == 2, d); }

  // Computes one unit: [T,D] -> [T,D]; the embedding takes ids [T], the head gives [T,V].
  Tensor forward(const Ops& op, std::int64_t unit, Tensor x) const {
    if (unit == 0) return embed(op, x);
    if (unit < first) return place(op, x);
    const std::int64_t at = unit - first, units = parallel ? 1 : 2;
    if (at / units == static_cast<std::int64_t>(layers.size())) return logits(op, x);
    const auto layer = static_cast<std::size_t>(at / units);
    const auto& [prefix, a, m] = layers[layer];
    if (parallel) {
      const auto y = normed(op, x, a.norm);
      const auto attended = scaled(op, attention(op, y, layer));
      const auto fed = scaled(op, mlp(op, m.norm.empty() ? y : normed(op, x, m.norm), m));
      if (residual_dropout > 0) return x + dropped(op, attended + fed, residual_dropout);
      return x + attended + fed;
    }
    const Branch& branch = at % 2 == 0 ? static_cast<const Branch&>(a) : m;
    auto y = normed(op, x, branch.norm);
    y = at % 2 == 0 ? attention(op, y, layer) : mlp(op, y, m);
    return normed(op, x + scaled(op, normed(op, y, branch.post_norm)), branch.sum_norm);
  }

  Tensor embed(const Ops& op, const Tensor& ids) const {
    auto x = op.embedding(ids, embedding);
    if (embedding_scale != 1)
      x = embedding_rounded ? op.scale_rounded(x, embedding_scale) : op.scale(x, embedding_scale);
    return first == 1 ? dropped(op, x, embedding_dropout) : x;
  }

  Tensor place(const Ops& op, Tensor x) const {
    if (!positions.empty()) x = x + op.positions(positions, position_offset);
    return dropped(op, normed(op, x, embedding_norm), embedding_dropout);
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

  Tensor dropped(const Ops& op, const Tensor& x, double p) const {
    return p > 0 ? op.dropout(x, p) : x;
  }

  Tensor scaled(const Ops& op, const Tensor& x) const {
    return residual_scale == 1 ? x : op.scale(x, residual_scale);
  }

  // [T,D] -> [T,H,E], [T,K,E], [T,K,Ev], before rope
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
    if (a.clip > 0)
      for (auto& y : qkv) y = op.clamp(y, a.clip);
    return {op.heads(qkv[0], a.E), op.heads(qkv[1], a.E), op.heads(qkv[2], a.Ev)};
  }

  // [T,heads,E] -> the same
  Tensor head_norm_of(const Ops& op, const Tensor& x, const AttentionBranch& a,
                      const std::string& name, std::int64_t heads) const {
    if (a.qk_norm == QkNorm::head) return normed(op, x, name);
    if (a.qk_norm == QkNorm::each) {
      auto weights = op.weight(generic::numbered(name, 0));
      for (std::int64_t h = 1; h < heads; ++h)
        weights = op.concat(weights, op.weight(generic::numbered(name, h)));
      return op.heads(op.merge(bare(op, x)) * weights, a.E);
    }
    return a.qk_norm == QkNorm::heads ? bare(op, x) * op.weight(name) : x;
  }

  // [T,D] -> [T,H,E], [T,K,E], [T,K,Ev], after rope
  std::array<Tensor, 3> turned_heads(const Ops& op, const Tensor& x, const AttentionBranch& a,
                                     const strata::Rope& rope) const {
    auto parts = heads(op, x, a);
    auto &q = parts[0], &k = parts[1], &v = parts[2];
    if (a.value_scale != 1) v = op.scale(v, a.value_scale);
    const auto turn = [&] {
      if (a.rope.rotate) q = op.rope(q, rope), k = op.rope(k, rope);
    };
    if (a.norm_turned) turn();
    q = head_norm_of(op, q, a, a.q_norm, a.H), k = head_norm_of(op, k, a, a.k_norm, a.K);
    if (!a.norm_turned) turn();
    return parts;
  }

  Tensor attention(const Ops& op, const Tensor& x, std::size_t layer) const {
    const auto& a = layers[layer].attention;
    const auto& rope = ropes[layer];
    const auto parts = a.layout == Layout::latent ? generic::latent_heads(op, x, a, rope)
                                                  : turned_heads(op, x, a, rope);
    const auto y = op.attention(parts[0], parts[1], parts[2],
                                {.layer = static_cast<std::int64_t>(layer),
                                 .alibi = a.alibi,
                                 .window = a.window,
                                 .sinks = a.sinks,
                                 .scale = a.scale,
                                 .soft_cap = a.soft_cap,
                                 .dropout = a.dropout,
                                 .alibi_scale = a.alibi_scale});
    return dropped(op, op.linear(y, a.out), a.residual_dropout);
  }

  Tensor mlp(const Ops& op, const Tensor& x, const MlpBranch& m) const {
    return dropped(op, fed_forward(op, x, m), m.residual_dropout);
  }

  Tensor fed_forward(const Ops& op, const Tensor& x, const MlpBranch& m) const {
    if (m.dense.F > 0) return dense(op, x, m.dense);
    const auto& e = m.experts;
    const auto y = op.moe(x, {.router = e.router,
                              .gate = e.gate,
                              .up = e.up,
                              .down = e.down,
                              .top_k = e.top_k,
                              .route = e.sigmoid ? STRATA_ROUTE_SIGMOID : STRATA_ROUTE_SOFTMAX,
                              .normalize = e.normalise,
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
    const auto down = [&](const Tensor& y) {
      return op.linear(dropped(op, y, m.activation_dropout), m.down);
    };
    if (!m.gate_up.empty()) return down(op.gated(op.linear(x, m.gate_up), f));
    if (m.gate.empty()) return down(op.activation(op.linear(x, m.up), f));
    const auto [gate, up] = op.linear(x, {m.gate.c_str(), m.up.c_str()});
    return down(op.gated(gate, up, f));
  }
};

}  // namespace

STRATA_MODEL_PLUGIN(Generic, "generic", "1.0.0");
