"""generic: each described model_type in its usual form and in an odd one."""

import torch

import gguf_file
from row import Row
from row import spread as usual
from stored import store

SMALL = {"vocab_size": 263, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 4,
         "num_attention_heads": 6, "max_position_embeddings": 128, "pad_token_id": 0,
         "bos_token_id": 1, "eos_token_id": 2}
GROUPED = SMALL | {"num_key_value_heads": 2}
OPENAI = {"vocab_size": 263, "n_embd": 48, "n_layer": 3, "n_head": 6, "n_positions": 128,
          "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
NEO = {"vocab_size": 263, "hidden_size": 48, "num_layers": 4, "num_heads": 6, "window_size": 7,
       "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2,
       "attention_types": [[["global", "local"], 2]]}
FALCON = {key: SMALL[key] for key in SMALL if key != "intermediate_size"}
MPT = {"vocab_size": 263, "d_model": 48, "n_layers": 3, "n_heads": 4, "max_seq_len": 128,
       "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
WINDOWS = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
LONG = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.3, 1.7, 2.2],
        "long_factor": [1.5, 3.0, 5.0, 8.0], "original_max_position_embeddings": 16}


def rope(part, theta=10000.0):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta,
                                "partial_rotary_factor": part}}


def spread(name, weight):
    """Makes the weights of a norm by head no matrix."""
    weight.uniform_(0.6, 1.4) if name.endswith("_norm.weight") else usual(name, weight)


def around_zero(name, weight):
    """Like spread, for norms that add 1 to their weight."""
    spread(name, weight)
    if name.endswith("norm.weight"):
        weight.sub_(1)


def beside(*names):
    """Puts tensors into a model's file that are not its weights."""
    extra = {name: torch.ones(7, 5) for name in names}
    return lambda folder: store(folder, lambda all: all | extra)


def row(model_type, words, config, flipped, counts=None, near_one=False, **more):
    """near_one: norms add 1 to their weights."""
    near_one = near_one or model_type.startswith("gemma")
    more = {"spread": around_zero if near_one else spread} | more
    return Row(f"{model_type}: {words}", {"model_type": model_type, **config}, flipped,
               counts or {}, **more)


def scaled(words, config, flipped, counts=None, **more):
    """Attention that one backend alone computes: it caps the scores."""
    return row(*words.split(": ", 1), config, flipped, counts, attention=("eager",), **more)


def gguf_row(model_type, flipped, eps, *, seed=0, **config):
    """Numbers of blocks of 32."""
    config = GROUPED | {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 96,
                        "sliding_window": None} | config
    metadata = {"block_count": 4, "context_length": 128, "embedding_length": 64,
                "feed_forward_length": 96, "attention.head_count": 4, "attention.head_count_kv": 2,
                f"attention.{eps}": 1e-6, "rope.freq_base": 10000.0, "vocab_size": 263}
    if head := config.get("head_dim"):
        metadata |= {"attention.key_length": head, "attention.value_length": head}
    return row(model_type, "GGUF", config, flipped, seed=seed,
               gguf=lambda folder: gguf_file.write(folder, model_type, metadata))


LAYER = "model.layers.1."
ROWS = [
    row("qwen2", "biases of q, k and v", GROUPED, LAYER + "self_attn.v_proj.bias"),
    row("qwen2", "windows in the later layers, tied, heads wider than hidden",
        GROUPED | {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 2,
                   "tie_word_embeddings": True, "num_key_value_heads": 1, "head_dim": 12},
        "model.layers.3.self_attn.k_proj.weight", {"sliding_window": 5}),
    row("qwen3", "heads wider than hidden", GROUPED | {"head_dim": 16},
        LAYER + "self_attn.q_norm.weight"),
    row("qwen3", "biases, windows by layer_types",
        GROUPED | {"head_dim": 12, "attention_bias": True, "use_sliding_window": True,
                   "sliding_window": 7, "layer_types": WINDOWS},
        LAYER + "self_attn.o_proj.bias", {"layer_types": WINDOWS[::-1]}),
    row("mistral", "a window", GROUPED | {"sliding_window": 11}, "lm_head.weight",
        {"sliding_window": None}),
    row("mistral", "no window, heads wider than hidden, tied",
        GROUPED | {"sliding_window": None, "head_dim": 16, "tie_word_embeddings": True},
        "model.embed_tokens.weight", {"sliding_window": 11}),
    row("gemma", "one kv head", GROUPED | {"head_dim": 16, "num_key_value_heads": 1},
        LAYER + "input_layernorm.weight"),
    row("gemma", "biases, untied, another activation",
        GROUPED | {"head_dim": 8, "attention_bias": True, "tie_word_embeddings": False,
                   "hidden_act": "relu"}, LAYER + "mlp.gate_proj.weight", {"hidden_act": "silu"}),
    scaled("gemma2: caps, a window in every other layer",
           GROUPED | {"head_dim": 16, "sliding_window": 9, "query_pre_attn_scalar": 20,
                      "attn_logit_softcapping": 3.0, "final_logit_softcapping": 5.0},
           LAYER + "post_feedforward_layernorm.weight",
           {"attn_logit_softcapping": None, "query_pre_attn_scalar": 64}),
    row("gemma2", "no caps, windows by layer_types",
        GROUPED | {"head_dim": 8, "sliding_window": 5, "layer_types": WINDOWS,
                   "attn_logit_softcapping": None, "final_logit_softcapping": None},
        "model.norm.weight", {"layer_types": WINDOWS[::-1]}),
    row("gemma3_text", "a rope for each kind of layer", GROUPED | {
        "head_dim": 16, "sliding_window": 9, "num_hidden_layers": 7,
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 20000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}},
        LAYER + "self_attn.k_norm.weight", {"sliding_window": 5}),
    row("gemma3_text", "a cap, windows by layer_types",
        GROUPED | {"head_dim": 8, "sliding_window": 6, "layer_types": WINDOWS,
                   "final_logit_softcapping": 4.0},
        LAYER + "pre_feedforward_layernorm.weight", {"layer_types": WINDOWS[::-1]}),
    row("phi", "half of each head turns, heads wider than hidden", SMALL | {"head_dim": 16},
        "lm_head.bias", rope(1.0)),
    row("phi", "norms of q and k, grouped", GROUPED | {"qk_layernorm": True} | rope(0.25),
        LAYER + "self_attn.q_layernorm.weight", rope(0.5)),
    row("phi3", "fused", GROUPED | {"sliding_window": None}, LAYER + "mlp.gate_up_proj.weight",
        seed=1),
    # No prompt grows past the 16: beyond it transformers recomputes all keys, for this type alone.
    row("phi3", "a window, longrope",
        GROUPED | {"sliding_window": 13, "original_max_position_embeddings": 16,
                   "rope_parameters": LONG}, LAYER + "self_attn.qkv_proj.weight",
        {"sliding_window": None}, seed=1),
    row("gpt2", "tied", OPENAI, "transformer.h.1.ln_1.weight", {"n_head": 3}),
    row("gpt2", "scaled by layer, untied, an inner size",
        OPENAI | {"scale_attn_by_inverse_layer_idx": True, "tie_word_embeddings": False,
                  "n_inner": 100, "activation_function": "relu"},
        "transformer.h.2.attn.c_attn.weight", {"scale_attn_by_inverse_layer_idx": False}),
    row("gpt2", "not scaled", OPENAI | {"scale_attn_weights": False, "n_head": 3,
                                        "activation_function": "quick_gelu"},
        "transformer.h.1.mlp.c_proj.weight", {"scale_attn_weights": True}),
    row("gpt_neo", "windows", NEO, "transformer.h.1.attn.attention.out_proj.bias",
        {"window_size": 20}),
    row("gpt_neo", "no windows, an inner size, untied",
        NEO | {"attention_types": [[["global"], 4]], "intermediate_size": 90,
               "tie_word_embeddings": False}, "transformer.h.2.ln_2.bias",
        {"attention_types": NEO["attention_types"]}),
    row("gptj", "half of each head turns", OPENAI | {"rotary_dim": 4},
        "transformer.h.1.ln_1.weight", {"rotary_dim": 8}),
    row("gptj", "all of each head turns, an inner size",
        OPENAI | {"rotary_dim": 8, "n_inner": 70, "activation_function": "gelu"},
        "transformer.h.2.mlp.fc_in.bias", {"rotary_dim": 4}),
    row("gpt_neox", "parallel", SMALL, "gpt_neox.layers.1.attention.query_key_value.weight",
        {"use_parallel_residual": False}),
    row("gpt_neox", "in a row, no biases, all turn",
        SMALL | {"use_parallel_residual": False, "attention_bias": False} | rope(1.0),
        "gpt_neox.layers.2.mlp.dense_4h_to_h.bias", rope(0.5)),
    row("falcon", "one key for all", FALCON,
        "transformer.h.1.self_attention.query_key_value.weight", {"rope_parameters": {
            "rope_type": "default", "rope_theta": 50.0}}),
    row("falcon", "a key for each, in a row, biases",
        FALCON | {"multi_query": False, "parallel_attn": False, "bias": True},
        "transformer.h.2.post_attention_layernorm.bias"),
    row("falcon", "keys by groups, two norms",
        FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2, "ffn_hidden_size": 100},
        "transformer.h.1.ln_mlp.weight"),
    row("falcon", "keys by groups, one norm",
        FALCON | {"new_decoder_architecture": True, "num_kv_heads": 3,
                  "num_ln_in_parallel_attn": 1}, "transformer.h.2.input_layernorm.bias"),
    # With more heads transformers rounds the biases to bfloat16, whatever the dtype; its eager
    # attention adds them twice.
    row("falcon", "alibi", FALCON | {"alibi": True, "multi_query": False,
                                     "num_attention_heads": 8}, "transformer.ln_f.weight",
        {"alibi": False}, reference="sdpa"),
    row("mpt", "alibi", MPT, "transformer.blocks.1.attn.Wqkv.weight"),
    row("mpt", "six heads, clipped, a scale",
        MPT | {"n_heads": 6, "attn_config": {"clip_qkv": 0.5, "softmax_scale": 0.2}},
        "transformer.blocks.2.ffn.up_proj.weight", {"attn_config": {"clip_qkv": None}}, seed=1),
    row("stablelm", "a quarter of each head turns",
        SMALL | {"num_key_value_heads": 6, "hidden_size": 96}, LAYER + "input_layernorm.bias",
        rope(1.0)),
    row("stablelm", "parallel, biases, grouped",
        GROUPED | {"use_parallel_residual": True, "use_qkv_bias": True} | rope(0.5),
        LAYER + "self_attn.q_proj.bias", rope(1.0)),
    row("starcoder2", "a window", GROUPED | {"sliding_window": 9}, LAYER + "mlp.c_fc.bias",
        {"sliding_window": None}),
    row("starcoder2", "no window, no biases, untied",
        GROUPED | {"sliding_window": None, "use_bias": False, "tie_word_embeddings": False},
        LAYER + "mlp.c_proj.weight", {"sliding_window": 9}),
    row("olmo", "norms without weights", SMALL, LAYER + "mlp.up_proj.weight"),
    row("olmo", "clipped, biases, grouped, tied",
        GROUPED | {"clip_qkv": 0.6, "attention_bias": True, "tie_word_embeddings": True},
        LAYER + "self_attn.k_proj.weight", {"clip_qkv": None}),
    row("olmo2", "norms behind, over all of q and k", GROUPED, LAYER + "self_attn.q_norm.weight",
        seed=1),
    row("olmo2", "biases, one kv head",
        GROUPED | {"attention_bias": True, "num_key_value_heads": 1},
        LAYER + "post_feedforward_layernorm.weight"),
    row("granite", "multipliers", GROUPED | {
        "embedding_multiplier": 3.0, "logits_scaling": 0.5, "residual_multiplier": 0.3,
        "attention_multiplier": 0.2}, LAYER + "self_attn.o_proj.weight",
        {"embedding_multiplier": 1.0}),
    row("granite", "no multipliers, biases, tied",
        GROUPED | {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
        LAYER + "mlp.up_proj.bias", {"residual_multiplier": 0.5}),
    row("cohere", "neighbours turn together", GROUPED | {"logit_scale": 0.25},
        LAYER + "mlp.down_proj.weight", {"logit_scale": 0.5}),
    row("cohere", "a norm for each head, biases, untied",
        GROUPED | {"use_qk_norm": True, "attention_bias": True, "tie_word_embeddings": False},
        LAYER + "self_attn.k_norm.weight"),
    row("smollm3", "every fourth layer does not turn", GROUPED | {"num_hidden_layers": 5},
        "model.layers.3.self_attn.q_proj.weight", {"no_rope_layers": [1] * 5}),
    row("smollm3", "windows, biases, layers that do not turn",
        GROUPED | {"use_sliding_window": True, "sliding_window": 8, "no_rope_layers": [1, 0, 0, 1],
                   "attention_bias": True, "mlp_bias": True}, LAYER + "mlp.down_proj.bias",
        {"sliding_window": 16}),
    gguf_row("qwen2", "blk.1.attn_q.weight", "layer_norm_rms_epsilon"),
    gguf_row("qwen3", "blk.2.ffn_gate.weight", "layer_norm_rms_epsilon", head_dim=128,
             seed=2),
    gguf_row("starcoder2", "blk.1.ffn_up.weight", "layer_norm_epsilon", norm_epsilon=1e-6,
             tie_word_embeddings=False),
]
