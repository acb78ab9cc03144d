"""llama: every rope scaling in both spellings of config.json, head ratios, biases, tying."""

import json

from row import Row

HIDDEN, HEADS, TRAINED = 48, 6, 32

# The parameters of each type of rope scaling; sequences grow past TRAINED positions.
ROPES = {
    "default": {"rope_theta": 500.0},
    "linear": {"rope_theta": 10000.0, "factor": 4.0},
    "dynamic": {"rope_theta": 10000.0, "factor": 8.0},
    "yarn": {"rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": TRAINED},
    "longrope": {"rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": TRAINED,
                 "short_factor": [1.0, 1.3, 1.7, 2.2], "long_factor": [1.5, 3.0, 5.0, 8.0]},
    "llama3": {"rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": TRAINED},
}


def spell_older(folder):
    """rope_theta and rope_scaling instead of rope_parameters."""
    file = folder / "config.json"
    config = json.loads(file.read_text())
    rope = config.pop("rope_parameters")
    config["torch_dtype"] = config.pop("dtype")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    if rope["rope_type"] == "linear":
        rope["type"] = rope.pop("rope_type")
    file.write_text(json.dumps(config, indent=2))


def row(kind, flipped, older=False, kv_heads=HEADS, head_dim=8, vocabulary=256, tied=False,
        attention_bias=False, mlp_bias=False, **more):
    rope = {"rope_type": kind, **ROPES[kind]}
    for key in ("short_factor", "long_factor"):
        if key in rope:
            rope[key] = [rope[key][pair % 4] for pair in range(head_dim // 2)]
    # Values without the scaling; for plain positions another base.
    plain = {"rope_type": "default",
             "rope_theta": 10000.0 if kind == "default" else rope["rope_theta"]}
    words = [f"rope {kind}", "older spelling" if older else "", f"{HEADS}:{kv_heads} heads",
             f"head_dim {head_dim}" if head_dim * HEADS != HIDDEN else "",
             f"vocabulary {vocabulary}" if vocabulary != 256 else "", "tied" if tied else "",
             "attention biases" if attention_bias else "", "mlp biases" if mlp_bias else ""]
    config = {"model_type": "llama", "vocab_size": vocabulary, "hidden_size": HIDDEN,
              "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": HEADS,
              "num_key_value_heads": kv_heads, "head_dim": head_dim, "tie_word_embeddings": tied,
              "attention_bias": attention_bias, "mlp_bias": mlp_bias, "rope_parameters": rope,
              "max_position_embeddings": TRAINED, "rms_norm_eps": 1e-5}
    return Row(", ".join(filter(None, words)), config, flipped, {"rope_parameters": plain},
               edit=spell_older if older else None, every_tier=True, **more)


LAYER = "model.layers."
ROWS = [
    row("default", "lm_head.weight"),
    row("default", "model.embed_tokens.weight", older=True, kv_heads=2, tied=True, vocabulary=257),
    row("linear", LAYER + "0.self_attn.q_proj.weight", kv_heads=1, attention_bias=True, shards=3),
    row("linear", LAYER + "1.self_attn.k_proj.weight", older=True, head_dim=16, dtype="bfloat16"),
    row("dynamic", LAYER + "2.self_attn.v_proj.weight", kv_heads=2, head_dim=16, mlp_bias=True,
        tied=True),
    row("dynamic", LAYER + "0.self_attn.o_proj.weight", older=True, kv_heads=1, vocabulary=331,
        shards=3),
    row("yarn", LAYER + "1.mlp.gate_proj.weight", dtype="bfloat16", kv_heads=2, attention_bias=True,
        mlp_bias=True),
    row("yarn", "model.norm.weight", older=True, tied=True, vocabulary=331, shards=3),
    row("longrope", LAYER + "2.mlp.up_proj.weight", kv_heads=2, vocabulary=257, dtype="bfloat16",
        shards=3),
    row("longrope", LAYER + "0.mlp.down_proj.weight", older=True, head_dim=16, kv_heads=1,
        mlp_bias=True),
    row("llama3", LAYER + "1.input_layernorm.weight", kv_heads=2, tied=True, dtype="bfloat16"),
    row("llama3", LAYER + "2.post_attention_layernorm.weight", older=True, attention_bias=True,
        vocabulary=257, head_dim=16, shards=3),
]
