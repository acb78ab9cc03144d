// Llama 2 and 3 and the families with their architecture: one decoder, with switches read from
// config.json. Every name is the checkpoint's own.
// Dims: T tokens, V vocabulary, D hidden, F ffn, L layers, H heads, K kv heads, E head.
#include <strata/model.hpp>

namespace {

using strata::Ops, strata::Tensor;

struct Llama {
  int64_t V, D, F, L, H, K, E;
  bool tied, attention_bias, mlp_bias;
  int32_t act;
  double dropout;
  strata::RmsNorm norm;
  strata::Rope rope;

  explicit Llama(const strata::Config& c)
      : V(c.length("vocab_size")), D(c.length("hidden_size")), F(c.length("intermediate_size")),
        L(c.length("num_hidden_layers")), H(c.length("num_attention_heads", 32)),
        K(c.length("num_key_value_heads", H)), E(c.length("head_dim", D / H)),
        tied(c.flag("tie_word_embeddings", false)), attention_bias(c.flag("attention_bias", false)),
        mlp_bias(c.flag("mlp_bias", false)),
        act(strata::activation_named(c.text("hidden_act", "silu"))),
        dropout(c.f64("attention_dropout", 0)), norm{.eps = c.f64("rms_norm_eps", 1e-6)},
        rope(c.rope("", 0, 0, static_cast<uint32_t>(c.length("max_position_embeddings", 2048)))) {
    // No model of this family has partial rotary embeddings; transformers reads that key for
    // others.
    if (strata::text_of(rope.type) == "default") rope.dim = 0;
    if (rope.dim != 0 && rope.dim != E)
      throw strata::Failure(
          STRATA_INVALID,
          "partial_rotary_factor: this family rotates whole heads: fix config.json");
    if (H % K != 0)
      throw strata::Failure(STRATA_INVALID, "num_key_value_heads " + std::to_string(K) +
                                                " does not divide num_attention_heads " +
                                                std::to_string(H) + ": fix config.json");
    if (E % 2 != 0)
      throw strata::Failure(
          STRATA_INVALID,
          "head_dim " + std::to_string(E) + " is odd: it cannot rotate in pairs: fix config.json");
  }

  std::string output() const { return tied ? "model.embed_tokens" : "lm_head"; }

  // Declares the units in the order of the pass: embedding, attention and mlp of each layer, head.
  void declare(strata::Declarer& d) const {
    d.embedding().weight("model.embed_tokens.weight", {V, D});
    for (int64_t l = 0; l < L; ++l) {
      const auto layer = "model.layers." + std::to_string(l) + ".";
      d.unit(layer, "attention").weight("input_layernorm.weight", {D});
      d.group({{"self_attn.q_proj.weight", {H * E, D}},
               {"self_attn.k_proj.weight", {K * E, D}},
               {"self_attn.v_proj.weight", {K * E, D}}});
      if (attention_bias)
        d.group({{"self_attn.q_proj.bias", {H * E}},
                 {"self_attn.k_proj.bias", {K * E}},
                 {"self_attn.v_proj.bias", {K * E}}});
      d.weight("self_attn.o_proj.weight", {D, H * E});
      if (attention_bias) d.weight("self_attn.o_proj.bias", {D});

      d.unit(layer, "mlp").weight("post_attention_layernorm.weight", {D});
      d.group({{"mlp.gate_proj.weight", {F, D}}, {"mlp.up_proj.weight", {F, D}}});
      if (mlp_bias) d.group({{"mlp.gate_proj.bias", {F}}, {"mlp.up_proj.bias", {F}}});
      d.weight("mlp.down_proj.weight", {D, F});
      if (mlp_bias) d.weight("mlp.down_proj.bias", {D});
    }
    d.head().weight("model.norm.weight", {D}).weight(output() + ".weight", {V, D});
  }

  // Computes one unit: [T,D] -> [T,D]; the embedding takes ids [T], the head gives [T,V].
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    if (unit == 0) return op.embedding(x, "model.embed_tokens");
    if (unit == 2 * L + 1) return op.linear(op.norm(x, "model.norm", norm), output());
    return x + (unit % 2 ? attention(op, x, unit / 2) : mlp(op, x));
  }

  Tensor attention(const Ops& op, Tensor x, int64_t layer) const {
    x = op.norm(x, "input_layernorm", norm);
    auto [q, k, v] = op.linear(x, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"});
    q = op.heads(q, E), k = op.heads(k, E), v = op.heads(v, E);  // -> [T,H,E], [T,K,E]
    const auto y =
        op.attention(op.rope(q, rope), op.rope(k, rope), v, {.layer = layer, .dropout = dropout});
    return op.linear(y, "self_attn.o_proj");  // [T,H*E] -> [T,D]
  }

  Tensor mlp(const Ops& op, Tensor x) const {
    x = op.norm(x, "post_attention_layernorm", norm);
    const auto [gate, up] = op.linear(x, {"mlp.gate_proj", "mlp.up_proj"});
    return op.linear(op.gated(gate, up, act), "mlp.down_proj");
  }
};

}  // namespace

STRATA_MODEL_PLUGIN(Llama, "llama", "1.0.0");
