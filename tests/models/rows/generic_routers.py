"""generic: described model_types whose routers choose by more than the score, or whose experts have
biases."""

from rows.generic import GROUPED, LAYER, WINDOWS, beside, row, spread
from rows.generic_experts import EXPERTS, LARGE

DEEPSEEK = EXPERTS | {"n_shared_experts": 1, "routed_scaling_factor": 1.7, "first_k_dense_replace": 1}
OSS = LARGE | {"num_local_experts": 6, "num_experts_per_tok": 2, "head_dim": 8, "sliding_window": 9}
YARN = {"rope_parameters": {"rope_type": "yarn", "rope_theta": 150.0, "factor": 8.0,
                            "original_max_position_embeddings": 16, "beta_fast": 4.0,
                            "beta_slow": 0.5, "truncate": False}}


def cut(name, weight):
    """Makes products so large that the limit of an expert's gate and up counts."""
    spread(name, weight)
    if "gate_up_proj" in name:
        weight.mul_(4)


def deepseek(model_type, experts, chosen, words, config, flipped, counts=None, **more):
    count = "num_experts" if model_type == "exaone_moe" else "n_routed_experts"
    words = f"{experts} experts, {chosen} of a token, one beside them" + words
    return row(model_type, words, DEEPSEEK | {count: experts, "num_experts_per_tok": chosen} | config,
               flipped, counts, **more)


def grouped(groups, top):
    return {"n_group": groups, "topk_group": top}


ROWS = [
    row("gpt_oss", "6 experts, 2 of a token, yarn, windows", OSS | YARN,
        LAYER + "mlp.experts.gate_up_proj_bias", {"sliding_window": 40}, spread=cut,
        attention=("eager",), every_tier=True),
    row("gpt_oss", "9 experts, 4 of a token, square ones, no biases of attention",
        OSS | {"num_local_experts": 9, "intermediate_size": 48, "num_experts_per_tok": 4, "attention_bias": False,
               "head_dim": 16, "layer_types": WINDOWS[:3], "rope_parameters": {
                   "rope_type": "default", "rope_theta": 500.0}},
        LAYER + "self_attn.sinks", {"layer_types": WINDOWS[1:]}, spread=cut,
        attention=("eager",)),
    deepseek("glm4_moe", 8, 3, ", half of a head turns, two layers behind the last",
             {"head_dim": 16, "num_nextn_predict_layers": 2},
             LAYER + "mlp.gate.e_score_correction_bias", {"routed_scaling_factor": 1.0},
             edit=beside("model.layers.3.eh_proj.weight", "model.layers.4.mlp.shared_experts.up_proj.weight")),
    deepseek("glm4_moe", 12, 4, ", of 2 groups of 4, norms of q and k, not normalised, biases",
             grouped(4, 2) | {"use_qk_norm": True, "norm_topk_prob": False, "attention_bias": True,
                              "head_dim": 8},
             LAYER + "self_attn.q_norm.weight", {"topk_group": 4}),
    deepseek("solar_open", 6, 2, ", in every layer, of 1 group of 3", grouped(3, 1) | {"head_dim": 16},
             LAYER + "mlp.shared_experts.down_proj.weight", {"topk_group": 3}),
    deepseek("dots1", 6, 3, ", windows", {"sliding_window": 9, "layer_types": WINDOWS[:3]},
             LAYER + "mlp.gate.weight", {"sliding_window": 30}),
    deepseek("dots1", 8, 2, ", of 2 groups of 4, normalised, biases",
             grouped(4, 2) | {"norm_topk_prob": True, "attention_bias": True},
             LAYER + "mlp.shared_experts.up_proj.weight", {"norm_topk_prob": False}, seed=1),
    deepseek("exaone_moe", 8, 3, ", windows, a predictor of more tokens",
             {"sliding_window": 9, "layer_types": WINDOWS[:3],
              "mlp_layer_types": ["sparse", "dense", "sparse"]},
             "model.layers.0.mlp.e_score_correction_bias", {"layer_types": WINDOWS[1:]},
             edit=beside("mtp.fc.weight", "mtp.layers.0.self_attn.q_proj.weight")),
    row("hy_v3", "7 experts, 3 of a token, one beside them, biases, a layer behind the last",
        EXPERTS | {"num_experts": 7, "num_experts_per_tok": 3, "head_dim": 16, "mlp_bias": True,
                   "attention_bias": True},
        LAYER + "mlp.shared_mlp.gate_proj.bias", {"router_scaling_factor": 1.0},
        edit=beside("model.layers.3.self_attn.q_proj.weight")),
    row("minimax_m2", "8 experts, 2 of a token, half of a head turns",
        LARGE | {"num_local_experts": 8, "num_experts_per_tok": 2, "head_dim": 16,
                 "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0,
                                     "partial_rotary_factor": 0.5}},
        LAYER + "block_sparse_moe.e_score_correction_bias", {"num_experts_per_tok": 3}),
    row("ernie4_5_moe", "8 experts, 3 of a token, two beside them, in layers 1 to 2, a predictor of more tokens",
        EXPERTS | {"num_hidden_layers": 4, "moe_num_experts": 8, "moe_k": 3, "moe_layer_end_index": 2,
                   "use_bias": True, "tie_word_embeddings": False},
        LAYER + "mlp.shared_experts.down_proj.bias", {"moe_k": 2},
        edit=beside("model.mtp_block.0.mlp.up_proj.weight", "model.mtp_linear_proj.0.weight")),
    row("ernie4_5_moe", "5 experts, 2 of a token, none beside them, in every other layer",
        EXPERTS | {"num_hidden_layers": 4, "moe_num_experts": 5, "moe_k": 2, "moe_layer_interval": 2,
                   "moe_num_shared_experts": 0},
        LAYER + "mlp.gate.weight", {"moe_k": 1}, seed=1),
]
