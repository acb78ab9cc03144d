// A decoder with rotated queries and gated feed-forward, a whole layer a unit. Its names are the
// checkpoint's own.
// Dims: T tokens, V vocabulary, D hidden, F ffn, H heads, K kv heads, E head.
#include <strata/model.hpp>

namespace {

using strata::Ops, strata::Tensor;

struct Toy {
  int64_t V, D, F, layers, H, K, E;
  strata::RmsNorm norm;
  strata::Rope rope;

  explicit Toy(const strata::Config& c)
      : V(c.i64("vocab_size")), D(c.i64("hidden_size")), F(c.i64("intermediate_size")),
        layers(c.i64("num_hidden_layers")), H(c.i64("num_attention_heads")),
        K(c.i64("num_key_value_heads", H)),
        E(c.i64("head_dim", D / H)), norm{.eps = c.f64("rms_norm_eps", 1e-6)}, rope(c.rope()) {}

  void declare(strata::Declarer& d) const {
    d.embedding().weight("model.embed_tokens.weight", {V, D});
    for (int64_t l = 0; l < layers; ++l) {
      d.unit("model.layers." + std::to_string(l) + ".").weight("input_layernorm.weight", {D});
      d.group({{"self_attn.q_proj.weight", {H * E, D}},
               {"self_attn.k_proj.weight", {K * E, D}},
               {"self_attn.v_proj.weight", {K * E, D}}});
      d.weight("self_attn.o_proj.weight", {D, H * E});
      d.weight("post_attention_layernorm.weight", {D});
      d.group({{"mlp.gate_proj.weight", {F, D}}, {"mlp.up_proj.weight", {F, D}}});
      d.weight("mlp.down_proj.weight", {D, F});
    }
    d.head().weight("model.norm.weight", {D}).weight("lm_head.weight", {V, D});
  }

  // [T,D] -> [T,D]; the embedding takes ids [T], the head gives [T,V].
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    if (unit == 0) return op.embedding(x, "model.embed_tokens");
    if (unit > layers) return op.linear(op.norm(x, "model.norm", norm), "lm_head");
    auto [q, k, v] = op.linear(op.norm(x, "input_layernorm", norm),
                               {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"});
    q = op.rope(op.heads(q, E), rope), k = op.rope(op.heads(k, E), rope), v = op.heads(v, E);
    x = x + op.linear(op.attention(q, k, v, {.layer = unit - 1}), "self_attn.o_proj");
    const auto [gate, up] =
        op.linear(op.norm(x, "post_attention_layernorm", norm), {"mlp.gate_proj", "mlp.up_proj"});
    return x + op.linear(op.gated(gate, up, STRATA_SILU), "mlp.down_proj");
  }
};

}  // namespace

STRATA_MODEL_PLUGIN(Toy, "toy", "1.0.0");
