"""generic: described model_types of transformers 5.24."""

from rows.generic import GROUPED, LAYER, WINDOWS, row
from rows.generic_experts import EXPERTS
from rows.generic_latent import EXPERTS as LATENT
from rows.generic_latent import spread as latent_spread

THETA = {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}

ROWS = [
    row("exaone", "the names of GPT-2", GROUPED, "transformer.h.1.mlp.c_fc_1.weight", THETA),
    row("exaone", "biases, heads wider than hidden, tied, one kv head",
        GROUPED | {"head_dim": 16, "attention_bias": True, "mlp_bias": True, "num_key_value_heads": 1,
                   "tie_word_embeddings": True},
        "transformer.h.2.attn.attention.k_proj.bias", {"hidden_act": "relu"}),
    row("internlm3", "heads wider than hidden", GROUPED | {"head_dim": 16}, LAYER + "self_attn.o_proj.weight",
        THETA),
    row("internlm3", "biases under the names of its makers, tied",
        GROUPED | {"head_dim": 8, "qkv_bias": True, "bias": True, "tie_word_embeddings": True},
        LAYER + "mlp.down_proj.bias", {"hidden_act": "relu"}),
    row("iquestcoder", "heads wider than hidden", GROUPED | {"head_dim": 16}, LAYER + "self_attn.q_proj.weight",
        THETA),
    row("iquestcoder", "biases, tied", GROUPED | {"head_dim": 8, "attention_bias": True, "mlp_bias": True,
                                                  "tie_word_embeddings": True},
        LAYER + "self_attn.v_proj.bias", {"hidden_act": "relu"}),
    row("sarvam_mla", "8 experts, 3 of a token, one beside them, q as one product",
        LATENT | {"q_lora_rank": None, "num_experts": 8, "num_shared_experts": 1, "num_experts_per_tok": 3},
        LAYER + "self_attn.kv_b_proj.weight", {"routed_scaling_factor": 1.0}, spread=latent_spread),
    row("sarvam_moe", "8 experts, 3 of a token, two beside them, norms of q and k",
        EXPERTS | {"num_experts": 8, "num_experts_per_tok": 3, "num_shared_experts": 2, "head_dim": 16},
        LAYER + "attention.query_layernorm.weight", {"routed_scaling_factor": 1.0}),
    row("sarvam_moe", "6 experts, 2 of a token, of 1 group of 3, no norms of q and k, biases",
        EXPERTS | {"num_experts": 6, "num_experts_per_tok": 2, "head_dim": 8, "use_qk_norm": False,
                   "use_qkv_bias": True, "n_group": 3, "topk_group": 1},
        LAYER + "mlp.gate.expert_bias", {"topk_group": 3}),
    row("flint", "8 experts, 2 of a token, one beside them, sinks, windows",
        EXPERTS | {"num_hidden_layers": 4, "num_experts": 8, "num_experts_per_tok": 2, "head_dim": 16,
                   "shared_expert_intermediate_size": 40, "sliding_window": 9, "layer_types": WINDOWS,
                   "mlp_only_layers": [0]},
        LAYER + "self_attn.softmax_offset", {"layer_types": WINDOWS[::-1]}, attention=("eager",)),
]
