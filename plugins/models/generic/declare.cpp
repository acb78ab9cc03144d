#include "declare.hpp"

#include "latent.hpp"

namespace generic {
namespace {

class Declaration {
 public:
  Declaration(const Settings& settings, strata::Declarer& to) : s_(settings), d_(to) {}

  void all(bool placed) {
    for (const auto& word : s_.passed_over) d_.pass_over(word);
    d_.embedding().weight(s_.embedding + ".weight", {s_.V, s_.D});
    if (placed) {
      d_.unit("", "positions");
      if (!s_.positions.empty()) d_.weight(s_.positions + ".weight", {s_.position_count, s_.D});
      norm(s_.embedding_norm, s_.D);
    }
    for (const auto& layer : s_.layers) {
      d_.unit(layer.prefix, s_.parallel ? "" : "attention");
      attention(layer.attention);
      if (!s_.parallel) d_.unit(layer.prefix, "mlp");
      mlp_branch(layer.mlp);
    }
    d_.head();
    norm(s_.head_norm, s_.D);
    d_.weight(s_.head + ".weight", {s_.V, s_.D});
    if (s_.head_bias) d_.weight(s_.head + ".bias", {s_.V});
  }

 private:
  void norm(const std::string& name, std::int64_t width) {
    if (name.empty() || !s_.norm.affine) return;
    d_.weight(name + ".weight", {width});
    if (s_.norm.bias) d_.weight(name + ".bias", {width});
  }

  void linear(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
    d_.weight(name + ".weight", {out, in}, {.in_out = s_.in_out});
    if (bias) d_.weight(name + ".bias", {out});
  }

  void branch(const Branch& given) {
    for (const auto* name : {&given.norm, &given.post_norm, &given.sum_norm}) norm(*name, s_.D);
  }

  void attention(const AttentionBranch& a) {
    const auto q = a.H * a.E, k = a.K * a.E, v = a.K * a.Ev;
    branch(a);
    if (a.layout == Layout::latent) {
      declare_latent(d_, a, s_.D, s_.in_out);
    } else if (a.layout != Layout::separate) {
      linear(a.qkv, q + k + v, s_.D, a.bias);
    } else {
      const strata::WeightOptions how{.in_out = s_.in_out};
      d_.group({{a.q + ".weight", {q, s_.D}, how},
                {a.k + ".weight", {k, s_.D}, how},
                {a.v + ".weight", {v, s_.D}, how}});
      if (a.bias) d_.group({{a.q + ".bias", {q}}, {a.k + ".bias", {k}}, {a.v + ".bias", {v}}});
    }
    if (a.qk_norm == QkNorm::heads)
      d_.weight(a.q_norm + ".weight", {a.H, a.E}).weight(a.k_norm + ".weight", {a.K, a.E});
    if (a.qk_norm == QkNorm::each) {
      for (std::int64_t h = 0; h < a.H; ++h) d_.weight(numbered(a.q_norm, h) + ".weight", {a.E});
      for (std::int64_t h = 0; h < a.K; ++h) d_.weight(numbered(a.k_norm, h) + ".weight", {a.E});
    }
    if (a.qk_norm == QkNorm::head || a.qk_norm == QkNorm::width) {
      const bool wide = a.qk_norm == QkNorm::width;
      norm(a.q_norm, wide ? q : a.E);
      norm(a.k_norm, wide ? k : a.E);
    }
    if (!a.sinks.empty()) d_.weight(a.sinks, {a.H});
    linear(a.out, s_.D, a.H * a.Ev, a.out_bias);
  }

  void mlp_branch(const MlpBranch& m) {
    branch(m);
    if (m.dense.F > 0) return mlp(m.dense);
    experts(m.experts);
    if (m.shared.F > 0) mlp(m.shared);
    if (!m.shared_router.empty()) linear(m.shared_router, 1, s_.D, false);
  }

  void mlp(const Mlp& m) {
    if (!m.gate_up.empty()) {
      linear(m.gate_up, 2 * m.F, s_.D, m.bias);
    } else if (!m.gate.empty()) {
      const strata::WeightOptions how{.in_out = s_.in_out};
      d_.group({{m.gate + ".weight", {m.F, s_.D}, how}, {m.up + ".weight", {m.F, s_.D}, how}});
      if (m.bias) d_.group({{m.gate + ".bias", {m.F}}, {m.up + ".bias", {m.F}}});
    } else {
      linear(m.up, m.F, s_.D, m.bias);
    }
    linear(m.down, s_.D, m.F, m.down_bias);
  }

  void experts(const Experts& e) {
    d_.weight(e.router + ".weight", {e.X, s_.D}, {.router = true, .float32 = e.router_float32});
    if (e.router_bias) d_.weight(e.router + ".bias", {e.X}, {.float32 = e.router_float32});
    if (!e.choice.empty()) d_.weight(e.choice, {e.X}, {.also = e.choice_also, .float32 = true});
    strata::WeightOptions how{.experts = static_cast<std::uint32_t>(e.X), .in_out = e.in_out};
    how.also = e.gate.empty() ? e.all_up : e.all_gate_up;
    how.by_turns = e.by_turns;
    if (e.gate.empty())
      d_.weight(e.up + ".weight", {e.F, s_.D}, how);
    else
      d_.group({{e.gate + ".weight", {e.F, s_.D}, how}, {e.up + ".weight", {e.F, s_.D}, how}});
    how.also = e.all_down;
    how.by_turns = false;
    d_.weight(e.down + ".weight", {s_.D, e.F}, how);
    if (e.bias) expert_biases(e);
  }

  void expert_biases(const Experts& e) {
    strata::WeightOptions how{.experts = static_cast<std::uint32_t>(e.X)};
    how.also = e.all_gate_up_bias;
    how.by_turns = e.by_turns;
    if (e.gate.empty())
      d_.weight(e.up + ".bias", {e.F}, how);
    else
      d_.group({{e.gate + ".bias", {e.F}, how}, {e.up + ".bias", {e.F}, how}});
    how.also = e.all_down_bias;
    how.by_turns = false;
    d_.weight(e.down + ".bias", {s_.D}, how);
  }

  const Settings& s_;
  strata::Declarer& d_;
};

}  // namespace

void declare_units(const Settings& settings, bool placed, strata::Declarer& to) {
  Declaration(settings, to).all(placed);
}

}  // namespace generic
