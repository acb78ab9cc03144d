"""generic: described model_types with experts, of which a router chooses a few for each token."""

from rows.generic import GROUPED, LAYER, WINDOWS, row, spread

EXPERTS = GROUPED | {"num_hidden_layers": 3, "intermediate_size": 40, "moe_intermediate_size": 24}
QWEN = EXPERTS | {"shared_expert_intermediate_size": 56}
GRANITE = {key: EXPERTS[key] for key in EXPERTS if key != "moe_intermediate_size"} | {
    "attention_multiplier": 0.3, "embedding_multiplier": 2.0, "residual_multiplier": 0.5,
    "logits_scaling": 0.5}
LARGE = {key: EXPERTS[key] for key in EXPERTS if key != "moe_intermediate_size"}


def tied(name, weight):
    """Every router gives pairs of experts equal scores, and the first router gives all experts the same
    score."""
    spread(name, weight)
    if name.endswith("mlp.gate.weight"):
        weight[1::2] = weight[::2]
    if name == "model.layers.0.mlp.gate.weight":
        weight.zero_()


def moe(model_type, experts, chosen, words, config, flipped, counts=None, **more):
    config = {"num_experts": experts, "num_experts_per_tok": chosen} | config
    if model_type.startswith("granite"):
        config["num_local_experts"] = config.pop("num_experts")
    if "moe_topk" in config:
        config.pop("num_experts_per_tok")
    words = f"{experts} experts, {chosen} of a token" + words
    return row(model_type, words, config, flipped, counts, **more)


ROWS = [
    moe("qwen2_moe", 8, 3, ", one beside them", QWEN, LAYER + "mlp.shared_expert_gate.weight",
        {"num_experts_per_tok": 2}, every_tier=True),
    moe("qwen2_moe", 5, 4, ", normalised, in every other layer but one, windows, wide heads",
        QWEN | {"head_dim": 12, "num_hidden_layers": 6, "decoder_sparse_step": 2,
                "mlp_only_layers": [3],
                "norm_topk_prob": True, "use_sliding_window": True, "sliding_window": 9,
                "max_window_layers": 2, "qkv_bias": False},
        "model.layers.3.mlp.up_proj.weight", {"norm_topk_prob": False}),
    moe("qwen3_moe", 16, 4, "", EXPERTS | {"head_dim": 16}, LAYER + "self_attn.q_norm.weight",
        {"num_experts_per_tok": 3}),
    moe("qwen3_moe", 1, 1, ", normalised, biases, a window",
        EXPERTS | {"head_dim": 12, "norm_topk_prob": True, "attention_bias": True,
                   "use_sliding_window": True, "sliding_window": 7, "tie_word_embeddings": True},
        "model.layers.0.mlp.experts.0.down_proj.weight", {"sliding_window": 20}),
    moe("qwen3_moe", 7, 2, ", none in the first layer", EXPERTS | {"mlp_only_layers": [0]},
        "model.layers.0.mlp.gate_proj.weight", {"num_experts_per_tok": 3}),
    moe("olmoe", 9, 4, ", clipped", LARGE | {"clip_qkv": 0.6, "num_key_value_heads": 6},
        LAYER + "mlp.gate.weight", {"clip_qkv": None}),
    moe("olmoe", 3, 1, ", normalised, biases",
        LARGE | {"norm_topk_prob": True, "attention_bias": True},
        LAYER + "self_attn.k_norm.weight", {"norm_topk_prob": False}),
    moe("flex_olmo", 7, 5, ", narrow heads", LARGE | {"head_dim": 6},
        LAYER + "post_feedforward_layernorm.weight",
        {"num_experts_per_tok": 2}),
    moe("granitemoe", 6, 2, ", in one tensor, multipliers, wide heads",
        GRANITE | {"head_dim": 16},
        LAYER + "block_sparse_moe.input_linear.weight", {"residual_multiplier": 1.0}),
    moe("granitemoeshared", 4, 4, ", one mlp beside them, wide heads",
        GRANITE | {"head_dim": 10, "shared_intermediate_size": 30},
        LAYER + "shared_mlp.output_linear.weight", {"attention_multiplier": 0.1}),
    moe("granitemoeshared", 10, 3, ", none beside them", GRANITE, LAYER + "self_attn.o_proj.weight",
        {"num_experts_per_tok": 2}),
    moe("granitemoe_swa", 5, 2, ", sinks, windows, layers that do not turn, wide heads",
        GRANITE | {"head_dim": 12, "sliding_window": 9, "layer_rope_theta": [0, 500.0, 10000.0],
                   "shared_intermediate_size": 20, "layer_types": WINDOWS[:3]},
        LAYER + "self_attn.sinks", {"layer_rope_theta": [500.0, 500.0, 10000.0]},
        attention=("eager",)),
    moe("hunyuan_v1_moe", 4, 2, ", one mlp beside them",
        LARGE | {"moe_topk": 2, "head_dim": 16}, LAYER + "mlp.gate.wg.weight", {"moe_topk": 1}),
    moe("hunyuan_v1_moe", 6, 3, ", another count in each layer",
        LARGE | {"moe_topk": [1, 6, 3], "head_dim": 8, "num_key_value_heads": 3, "attention_bias": True},
        LAYER + "self_attn.query_layernorm.weight", {"moe_topk": [1, 2, 3]}),
    moe("qwen3_moe", 16, 3, ", pairs that tie", EXPERTS, LAYER + "mlp.gate.weight",
        {"num_experts_per_tok": 4}, spread=tied),
    moe("mellum", 8, 2, ", in two layers of three, a rope for each kind of layer",
        EXPERTS | {"head_dim": 16, "sliding_window": 9, "layer_types": WINDOWS[:3],
                   "mlp_layer_types": ["sparse", "dense", "sparse"], "rope_parameters": {
                       "full_attention": {"rope_type": "linear", "factor": 4.0,
                                          "rope_theta": 20000.0},
                       "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}},
        LAYER + "mlp.gate_proj.weight", {"layer_types": WINDOWS[1:]}),
]
