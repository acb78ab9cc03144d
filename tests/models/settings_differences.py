"""The intended differences between the program and transformers: the cases, and the reasons."""

# Keys that the program does not read, because they concern training or other uses. transformers refuses null
# in most of them.
UNREAD = (
    "emb_pdrop", "layerdrop",
    "summary_first_dropout", "classifier_dropout", "init_std", "router_aux_loss_coef",
    "router_jitter_noise", "output_router_logits", "aux_loss_alpha", "seq_aux", "pretraining_tp",
    "summary_type", "summary_use_proj", "summary_proj_to_labels", "reorder_and_upcast_attn",
    "attention_softmax_in_fp32", "scale_attention_softmax_in_fp32", "is_decoder", "swiglu_alpha",
    "learned_pos_emb", "init_device", "embedding_fraction", "norm_type", "max_seq_len",
    "ep_size", "moe_capacity", "moe_dropout")

# (a pattern of the whole case, the reason)
NAMED = [
    (r"biogpt: layer_norm_eps null", "its norms have an epsilon of their own: the key is not read"),
    (r"(phi3: embd_pdrop|mpt: resid_pdrop) null", "no layer has this dropout: the key is not read"),
    (r"gptj: n_positions null", "its positions are computed: the key is not read"),
    (r"(mimo_v2_flash|qwen2_moe|qwen3_moe): intermediate_size null",
     "each layer has experts: the key is not read"),
    (r"gpt_neo: attention_types null", "attention_layers says the same and is there"),
    (r"sarvam_m\w+: n_(shared|routed)_experts null", "the other name of the key has a value"),
    (r"\S+: (num_hidden_layers|num_layers|n_layers?|intermediate_size|hidden_size|ffn_dim) "
     r"taken away", "a size that tells models apart must be there"),
    (r"\S+: (num_attention_heads|n_heads?) (taken away|default)",
     "the class's number of heads does not divide the tiny model's hidden size into pairs"),
    (r"\S+: (num_experts_per_tok|topk_group) (taken away|default)",
     "the groups do not have so many experts; transformers takes some that it masked"),
    (r"\S+: sliding_window null",
     "no window is no window here; transformers makes no mask of it where layer_types has windows"),
    (r"(mellum|minicpm3|solar_open|youtu): partial_rotary_factor beside",
     "whole heads rotate; transformers computes too few frequencies and fails"),
    (r"granite(moe)?_swa: rope_scaling beside", "a scaled rope of these is refused: not described"),
    (r"phi3: su", "longrope's former name in published files; transformers renames it too late"),
    (r"flint: (layer_types|mlp_only_layers) (taken away|null)",
     "its pattern by layer is no rule of a description; published files have the lists"),
]
