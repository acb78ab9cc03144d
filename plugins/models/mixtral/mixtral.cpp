// Mixtral: llama's attention, and experts of which a router chooses a few for each token. Every
// name is the checkpoint's own; those given as `also` are the names of transformers' modules.
// Dims: T tokens, V vocabulary, D hidden, F ffn, L layers, H heads, K kv heads, E head, X experts.
#include <strata/model.hpp>

namespace {

using strata::Ops, strata::Tensor;

[[noreturn]] void refuse(const std::string& fact) {
  throw strata::Failure(STRATA_INVALID, fact + ": fix config.json");
}

struct Mixtral {
  int64_t V, D, F, L, H, K, E, X;
  int64_t top_k, window;
  bool tied;
  int32_t act;
  double dropout;
  strata::RmsNorm norm;
  strata::Rope rope;

  explicit Mixtral(const strata::Config& c)
      : V(c.length("vocab_size")), D(c.length("hidden_size")), F(c.length("intermediate_size")),
        L(c.length("num_hidden_layers")), H(c.length("num_attention_heads", 32)),
        K(c.length("num_key_value_heads", 8)), E(c.length("head_dim", D / H)),
        X(c.length("num_experts|num_local_experts", 8)), top_k(c.i64("num_experts_per_tok", 2)),
        window(c.has("sliding_window") ? c.length("sliding_window") : 0),
        tied(c.flag("tie_word_embeddings", false)),
        act(strata::activation_named(c.text("hidden_act", "silu"))),
        dropout(c.f64("attention_dropout", 0)), norm{.eps = c.f64("rms_norm_eps", 1e-5)},
        rope(c.rope("", 1e6, 0,
                    static_cast<uint32_t>(c.length("max_position_embeddings", 131072)))) {
    if (strata::text_of(rope.type) == "default") rope.dim = 0;
    if (rope.dim != 0 && rope.dim != E)
      refuse("partial_rotary_factor: this family rotates whole heads");
    if (H % K != 0)
      refuse("num_key_value_heads " + std::to_string(K) + " does not divide num_attention_heads " +
             std::to_string(H));
    if (E % 2 != 0)
      refuse("head_dim " + std::to_string(E) + " is odd, so it cannot rotate in pairs");
    if (X > 65536) refuse("num_local_experts " + std::to_string(X) + " is more than 65536");
    if (top_k < 1 || top_k > X)
      refuse("num_experts_per_tok " + std::to_string(top_k) + " of " + std::to_string(X) +
             " experts");
  }

  std::string output() const { return tied ? "model.embed_tokens" : "lm_head"; }

  void declare(strata::Declarer& d) const {
    d.embedding().weight("model.embed_tokens.weight", {V, D});
    const auto experts = static_cast<uint32_t>(X);
    for (int64_t l = 0; l < L; ++l) {
      const auto layer = "model.layers." + std::to_string(l) + ".";
      d.unit(layer, "attention").weight("input_layernorm.weight", {D});
      d.group({{"self_attn.q_proj.weight", {H * E, D}},
               {"self_attn.k_proj.weight", {K * E, D}},
               {"self_attn.v_proj.weight", {K * E, D}}});
      d.weight("self_attn.o_proj.weight", {D, H * E});

      d.unit(layer, "mlp").weight("post_attention_layernorm.weight", {D});
      d.weight("block_sparse_moe.gate.weight", {X, D}, {.router = true, .also = "mlp.gate.weight"});
      const strata::WeightOptions in{.experts = experts, .also = "mlp.experts.gate_up_proj"};
      d.group({{"block_sparse_moe.experts.{}.w1.weight", {F, D}, in},
               {"block_sparse_moe.experts.{}.w3.weight", {F, D}, in}});
      d.weight("block_sparse_moe.experts.{}.w2.weight", {D, F},
               {.experts = experts, .also = "mlp.experts.down_proj"});
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
        op.attention(op.rope(q, rope), op.rope(k, rope), v,
                     {.layer = layer, .window = static_cast<uint32_t>(window), .dropout = dropout});
    return op.linear(y, "self_attn.o_proj");  // [T,H*E] -> [T,D]
  }

  Tensor mlp(const Ops& op, const Tensor& x) const {
    return op.moe(op.norm(x, "post_attention_layernorm", norm),
                  {.router = "block_sparse_moe.gate",
                   .gate = "block_sparse_moe.experts.{}.w1",
                   .up = "block_sparse_moe.experts.{}.w3",
                   .down = "block_sparse_moe.experts.{}.w2",
                   .top_k = static_cast<uint32_t>(top_k),
                   .normalize = true,
                   .activation = static_cast<uint32_t>(act)});
  }
};

}  // namespace

STRATA_MODEL_PLUGIN(Mixtral, "mixtral", "1.0.0");
