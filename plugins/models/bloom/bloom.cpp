// BLOOM: its only positions are ALiBi's slopes, a norm follows the embedding, and q, k and v of a
// head lie side by side. Every name is the checkpoint's own.
// Dims: T tokens, V vocabulary, D hidden, L layers, H heads, E head.
#include <strata/model.hpp>

namespace {

using strata::Ops, strata::Tensor;

struct Bloom {
  int64_t V, D, L, H, E;
  bool tied, normed_residual, biased;
  double hidden_dropout, attention_dropout;
  strata::LayerNorm norm;

  explicit Bloom(const strata::Config& c)
      : V(c.length("vocab_size")), D(c.length("n_embed|hidden_size")),
        L(c.length("num_hidden_layers|n_layer")), H(c.length("num_attention_heads|n_head", 8)),
        E(D / H), tied(c.flag("tie_word_embeddings", true)),
        normed_residual(c.flag("apply_residual_connection_post_layernorm", false)),
        biased(!sliced(c)), hidden_dropout(c.f64("hidden_dropout", 0)),
        attention_dropout(c.f64("attention_dropout", 0)), norm{.eps = c.f64("layer_norm_epsilon",
                                                                            1e-5)} {
    if (D % H != 0)
      throw strata::Failure(STRATA_INVALID, "n_head " + std::to_string(H) +
                                                " does not divide hidden_size " +
                                                std::to_string(D) + ": fix config.json");
  }

  // With pretraining_tp slices the reference leaves out the biases of the two linear layers that
  // add to the residual.
  static bool sliced(const strata::Config& c) {
    const auto slices = c.i64("pretraining_tp", 1);
    const bool exact = c.flag("slow_but_exact", false);
    return exact && slices > 1;
  }

  std::string output() const { return tied ? "transformer.word_embeddings" : "lm_head"; }

  // Declares the units in the order of the pass: embedding, attention and mlp of each layer, head.
  void declare(strata::Declarer& d) const {
    d.embedding().weight("transformer.word_embeddings.weight", {V, D});
    declare_pair(d, "transformer.word_embeddings_layernorm", {D});
    for (int64_t l = 0; l < L; ++l) {
      const auto layer = "transformer.h." + std::to_string(l) + ".";
      d.unit(layer, "attention");
      declare_pair(d, "input_layernorm", {D});
      declare_pair(d, "self_attention.query_key_value", {3 * D, D});
      declare_pair(d, "self_attention.dense", {D, D});

      d.unit(layer, "mlp");
      declare_pair(d, "post_attention_layernorm", {D});
      declare_pair(d, "mlp.dense_h_to_4h", {4 * D, D});
      declare_pair(d, "mlp.dense_4h_to_h", {D, 4 * D});
    }
    d.head();
    declare_pair(d, "transformer.ln_f", {D});
    d.weight(output() + ".weight", {V, D});
  }

  static void declare_pair(strata::Declarer& d, const std::string& module,
                           std::initializer_list<int64_t> shape) {
    d.weight(module + ".weight", shape).weight(module + ".bias", {*shape.begin()});
  }

  // Computes one unit: [T,D] -> [T,D]; the embedding takes ids [T], the head gives [T,V].
  Tensor forward(const Ops& op, int64_t unit, const Tensor& x) const {
    if (unit == 0)
      return op.norm(op.embedding(x, "transformer.word_embeddings"),
                     "transformer.word_embeddings_layernorm", norm);
    if (unit == 2 * L + 1) return op.linear(op.norm(x, "transformer.ln_f", norm), output());
    const bool attends = unit % 2 == 1;
    const auto in = op.norm(x, attends ? "input_layernorm" : "post_attention_layernorm", norm);
    const auto y = attends ? attention(op, in, unit / 2) : mlp(op, in);
    return (normed_residual ? in : x) + op.dropout(y, hidden_dropout);
  }

  Tensor attention(const Ops& op, const Tensor& x, int64_t layer) const {
    const auto [q, k, v] = op.heads(op.linear(x, "self_attention.query_key_value"),
                                    {.q = H, .dim = E, .interleaved = true});  // -> [T,H,E]
    const auto y =
        op.attention(q, k, v, {.layer = layer, .alibi = true, .dropout = attention_dropout});
    return op.linear(y, "self_attention.dense", biased);  // [T,H*E] -> [T,D]
  }

  Tensor mlp(const Ops& op, const Tensor& x) const {
    const auto y = op.activation(op.linear(x, "mlp.dense_h_to_4h"), STRATA_GELU_TANH);
    return op.linear(y, "mlp.dense_4h_to_h", biased);
  }
};

}  // namespace

STRATA_MODEL_PLUGIN(Bloom, "bloom", "1.0.0");
