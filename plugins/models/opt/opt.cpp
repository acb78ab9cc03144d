// OPT: learned positions; norms before or after each half; embeddings that may be narrower or wider
// than the hidden state. Every name is the checkpoint's own.
// Dims: T tokens, V vocabulary, P embedding, D hidden, F ffn, L layers, H heads, E head, M
// positions.
#include <strata/model.hpp>

namespace {

using strata::Ops, strata::Tensor;

constexpr int64_t first_position = 2;  // row of the positions' table for position 0

struct Opt {
  int64_t V, D, F, L, H, E, P, M;
  bool tied, before, final_norm, bias, affine;
  int32_t act;
  double dropout, attention_dropout;

  explicit Opt(const strata::Config& c)
      : V(c.length("vocab_size")), D(c.length("hidden_size")), F(c.length("ffn_dim")),
        L(c.length("num_hidden_layers")), H(c.length("num_attention_heads", 12)), E(D / H),
        P(c.length("word_embed_proj_dim", D)), M(c.length("max_position_embeddings", 2048)),
        tied(c.flag("tie_word_embeddings", true)), before(c.flag("do_layer_norm_before", true)),
        final_norm(before && !c.flag("_remove_final_layer_norm", false)),
        bias(c.flag("enable_bias", true)), affine(c.flag("layer_norm_elementwise_affine", true)),
        act(strata::activation_named(c.text("activation_function", "relu"))),
        dropout(c.f64("dropout", 0.1)), attention_dropout(c.f64("attention_dropout", 0)) {
    if (D % H != 0)
      throw strata::Failure(STRATA_INVALID, "num_attention_heads " + std::to_string(H) +
                                                " does not divide hidden_size " +
                                                std::to_string(D) + ": fix config.json");
  }

  bool projected() const { return P != D; }
  std::string output() const { return tied ? "model.decoder.embed_tokens" : "lm_head"; }

  // Declares the units in the order of the pass: embedding, attention and mlp of each layer, head.
  void declare(strata::Declarer& d) const {
    d.embedding().weight("model.decoder.embed_tokens.weight", {V, P});
    d.weight("model.decoder.embed_positions.weight", {M + first_position, D});
    if (projected()) d.weight("model.decoder.project_in.weight", {D, P});
    for (int64_t l = 0; l < L; ++l) {
      const auto layer = "model.decoder.layers." + std::to_string(l) + ".";
      d.unit(layer, "attention");
      declare_norm(d, "self_attn_layer_norm");
      d.group({{"self_attn.q_proj.weight", {D, D}},
               {"self_attn.k_proj.weight", {D, D}},
               {"self_attn.v_proj.weight", {D, D}}});
      if (bias)
        d.group({{"self_attn.q_proj.bias", {D}},
                 {"self_attn.k_proj.bias", {D}},
                 {"self_attn.v_proj.bias", {D}}});
      declare_linear(d, "self_attn.out_proj", D, D);

      d.unit(layer, "mlp");
      declare_norm(d, "final_layer_norm");
      declare_linear(d, "fc1", F, D);
      declare_linear(d, "fc2", D, F);
    }
    d.head();
    if (final_norm) declare_norm(d, "model.decoder.final_layer_norm");
    if (projected()) d.weight("model.decoder.project_out.weight", {P, D});
    d.weight(output() + ".weight", {V, P});
  }

  void declare_norm(strata::Declarer& d, const std::string& module) const {
    if (affine) d.weight(module + ".weight", {D}).weight(module + ".bias", {D});
  }

  void declare_linear(strata::Declarer& d, const std::string& module, int64_t out,
                      int64_t in) const {
    d.weight(module + ".weight", {out, in});
    if (bias) d.weight(module + ".bias", {out});
  }

  // Computes one unit: [T,D] -> [T,D]; the embedding takes ids [T], the head gives [T,V].
  Tensor forward(const Ops& op, int64_t unit, Tensor x) const {
    if (unit == 0) return embed(op, x);
    if (unit == 2 * L + 1) return head(op, x);
    const bool attends = unit % 2 == 1;
    const auto* module = attends ? "self_attn_layer_norm" : "final_layer_norm";
    const auto in = before ? norm(op, x, module) : x;
    x = x + op.dropout(attends ? attention(op, in, unit / 2) : mlp(op, in), dropout);
    return before ? x : norm(op, x, module);
  }

  Tensor embed(const Ops& op, const Tensor& ids) const {
    auto x = op.embedding(ids, "model.decoder.embed_tokens");
    if (projected()) x = op.linear(x, "model.decoder.project_in");  // [T,P] -> [T,D]
    return x + op.positions("model.decoder.embed_positions", first_position);
  }

  Tensor head(const Ops& op, Tensor x) const {
    if (final_norm) x = norm(op, x, "model.decoder.final_layer_norm");
    if (projected()) x = op.linear(x, "model.decoder.project_out");  // [T,D] -> [T,P]
    return op.linear(x, output());
  }

  Tensor norm(const Ops& op, const Tensor& x, const char* module) const {
    const strata::LayerNorm how{.eps = 1e-5};
    return affine ? op.norm(x, module, how) : op.norm(x, how);
  }

  Tensor attention(const Ops& op, const Tensor& x, int64_t layer) const {
    auto [q, k, v] = op.linear(x, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"});
    q = op.heads(q, E), k = op.heads(k, E), v = op.heads(v, E);  // -> [T,H,E]
    const auto y = op.attention(q, k, v, {.layer = layer, .dropout = attention_dropout});
    return op.linear(y, "self_attn.out_proj");  // [T,H*E] -> [T,D]
  }

  Tensor mlp(const Ops& op, const Tensor& x) const {
    return op.linear(op.activation(op.linear(x, "fc1"), act), "fc2");
  }
};

}  // namespace

STRATA_MODEL_PLUGIN(Opt, "opt", "1.0.0");
