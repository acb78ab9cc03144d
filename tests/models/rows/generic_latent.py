"""generic: described model_types that make queries, keys and values from narrow states, or whose values
are narrower than keys."""

from rows.generic import LAYER, LONG, SMALL, WINDOWS, beside, row
from rows.generic import spread as usual
from rows.llama import spell_older

NARROW = SMALL | {"num_hidden_layers": 3, "intermediate_size": 40, "num_key_value_heads": 6, "kv_lora_rank": 20,
                  "q_lora_rank": 28, "qk_nope_head_dim": 10, "qk_rope_head_dim": 8, "v_head_dim": 12}
EXPERTS = NARROW | {"moe_intermediate_size": 24, "n_shared_experts": 1, "routed_scaling_factor": 1.7,
                    "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1}
YARN = {"rope_type": "yarn", "rope_theta": 150.0, "factor": 8.0, "original_max_position_embeddings": 16,
        "beta_fast": 4.0, "beta_slow": 0.5}


def spread(name, weight):
    """Makes attention selective, and the choice of an expert depend on more than its bias."""
    usual(name, weight)
    if "q_b_proj" in name or "kv_b_proj" in name:
        weight.normal_(std=0.4)


def latent(model_type, words, config, flipped, counts=None, **more):
    return row(model_type, words, NARROW | config, flipped, counts, spread=spread, **more)


def moe(model_type, experts, chosen, words, config, flipped, counts=None, **more):
    words = f"{experts} experts, {chosen} of a token" + words
    config = EXPERTS | {"n_routed_experts": experts, "num_experts_per_tok": chosen} | config
    return latent(model_type, words, config, flipped, counts, **more)


def grouped(groups, top):
    return {"n_group": groups, "topk_group": top}


def yarn(**more):
    return {"rope_parameters": YARN | more}


ROWS = [
    moe("deepseek_v2", 8, 3, ", two beside them, q as one product",
        {"q_lora_rank": None, "n_shared_experts": 2}, LAYER + "self_attn.kv_a_layernorm.weight",
        {"routed_scaling_factor": 1.0}, every_tier=True),
    moe("deepseek_v2", 12, 4, ", of 2 groups of 4, biases",
        grouped(4, 2) | {"topk_method": "group_limited_greedy", "attention_bias": True, "mlp_bias": True},
        LAYER + "self_attn.q_a_proj.bias", {"topk_method": "greedy"}),
    moe("deepseek_v2", 6, 2, ", yarn that scales the scores alone, spelled the older way, in every layer",
        yarn(mscale=0.8, mscale_all_dim=0.8) | {"first_k_dense_replace": 0},
        LAYER + "self_attn.q_a_layernorm.weight", yarn(mscale=0.8), edit=spell_older),
    moe("deepseek_v3", 12, 4, ", of 2 groups of 4, yarn, a layer behind the last",
        grouped(4, 2) | yarn(mscale=1.0, mscale_all_dim=0.7), LAYER + "self_attn.kv_b_proj.weight",
        {"rope_interleave": False},
        edit=beside("model.layers.3.eh_proj.weight", "model.layers.3.self_attn.kv_b_proj.weight",
                    "model.layers.3.shared_head.norm.weight"), every_tier=True),
    moe("deepseek_v3", 8, 3, ", halves turn, values wider than keys, q as one product, biases, tied",
        {"rope_interleave": False, "qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "v_head_dim": 22,
         "q_lora_rank": None, "attention_bias": True, "tie_word_embeddings": True},
        LAYER + "mlp.gate.e_score_correction_bias", {"rope_interleave": True}),
    moe("deepseek_v3", 9, 1, ", of 1 group of 3, not normalised, 5 heads, bfloat16, two shards",
        grouped(3, 1) | {"num_attention_heads": 5, "num_key_value_heads": 5, "norm_topk_prob": False,
                         "qk_nope_head_dim": 3, "qk_rope_head_dim": 2, "v_head_dim": 1, "hidden_size": 44},
        LAYER + "self_attn.kv_a_proj_with_mqa.weight", {"topk_group": 3}, dtype="bfloat16", shards=2),
    moe("axk1", 8, 2, ", of 2 groups of 4, a norm behind them", grouped(4, 2),
        LAYER + "post_mlp_layernorm.weight", {"topk_group": 4}, seed=1),
    moe("glm4_moe_lite", 8, 3, " in layers 0 and 2, keys as wide as values, a layer behind the last",
        {"v_head_dim": 18, "mlp_layer_types": ["sparse", "dense", "sparse"]},
        LAYER + "mlp.up_proj.weight", {"rope_interleave": False},
        edit=beside("model.layers.3.enorm.weight", "model.layers.3.self_attn.q_a_proj.weight")),
    # transformers makes the padding's row zero after it has read a tied table: there is none.
    latent("youtu", "yarn, tied", yarn() | {"tie_word_embeddings": True, "pad_token_id": None}, LAYER + "self_attn.o_proj.weight",
           {"rope_interleave": False}),
    latent("minicpm3", "factors by length, multipliers, biases",
           {"rope_parameters": LONG | {"factor": 8.0}, "scale_emb": 3, "scale_depth": 1.1, "dim_model_base": 16,
            "attention_bias": True, "mlp_bias": True},
           LAYER + "self_attn.kv_a_proj_with_mqa.bias", {"scale_depth": 2.0}),
    latent("minicpm3", "q as one product, values by heads, no multipliers",
           {"q_lora_rank": None, "v_head_dim": None, "scale_emb": 1, "scale_depth": None, "dim_model_base": None},
           LAYER + "self_attn.q_proj.weight", {"scale_depth": 1.0}),
    row("mimo_v2_flash", "8 experts, 2 of a token, windows with twice the keys, a predictor of more tokens",
        SMALL | {"num_key_value_heads": 3, "head_dim": 18, "v_head_dim": 10, "sliding_window": 9,
                 "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
                 "attention_bias": True, "layer_types": WINDOWS},
        LAYER + "self_attn.attention_sink_bias", {"attention_value_scale": 0.4}, attention=("eager",),
        edit=beside("model.mtp.layers.0.eh_proj.weight")),
    row("mimo_v2_flash", "6 experts, 3 of a token, of 2 groups of 3, wide values, no windows",
        SMALL | {"num_key_value_heads": 2, "head_dim": 8, "v_head_dim": 12, "n_routed_experts": 6,
                 "num_experts_per_tok": 3, "moe_intermediate_size": 24, "attention_value_scale": None,
                 "layer_types": ["full_attention"] * 4, "mlp_layer_types": ["sparse"] * 4,
                 "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 300.0,
                                                        "partial_rotary_factor": 1.0}}} | grouped(3, 2),
        LAYER + "self_attn.v_proj.weight", {"topk_group": 3}),
]
