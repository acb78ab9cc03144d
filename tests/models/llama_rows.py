"""The configurations of tiny llamas that are tested, what is checked of each, and on which tiers."""

from tiny_llama import NEWER, OLDER, Tiny

ROWS = [
    Tiny("default", NEWER),
    Tiny("default", OLDER, kv_heads=2, tied=True, vocabulary=257),
    Tiny("linear", NEWER, kv_heads=1, attention_bias=True, shards=3),
    Tiny("linear", OLDER, head_dim=16, dtype="bfloat16"),
    Tiny("dynamic", NEWER, kv_heads=2, head_dim=16, mlp_bias=True, tied=True),
    Tiny("dynamic", OLDER, kv_heads=1, vocabulary=331, shards=3),
    Tiny("yarn", NEWER, dtype="bfloat16", kv_heads=2, attention_bias=True, mlp_bias=True),
    Tiny("yarn", OLDER, tied=True, vocabulary=331, shards=3),
    Tiny("longrope", NEWER, kv_heads=2, vocabulary=257, dtype="bfloat16", shards=3),
    Tiny("longrope", OLDER, head_dim=16, kv_heads=1, mlp_bias=True),
    Tiny("llama3", NEWER, kv_heads=2, tied=True, dtype="bfloat16"),
    Tiny("llama3", OLDER, attention_bias=True, vocabulary=257, head_dim=16, shards=3),
]

# A column: where the weights lie, and what is checked there. Streamed: through a device memory of a
# third of the weights, or the least that is accepted. Resident: all fit the device.
COLUMNS = {
    "device": ("device", False, ("logits", "one", "batch")),
    "cpu": ("cpu", True, ("logits", "one", "batch")),
    "pinned": ("pinned", True, ("logits", "one", "batch")),
    "nvme": ("nvme", True, ("logits", "one", "batch")),
    "cpu, resident": ("cpu", False, ("batch",)),
    "pinned, resident": ("pinned", False, ("batch",)),
    "nvme, resident": ("nvme", False, ("batch",)),
}

ATTENTION = ("eager", "sdpa")

# The weight of which a bit is flipped, by row; {} is a row that the prompt uses.
FLIPPED = [
    "lm_head.weight",
    "model.embed_tokens.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.1.self_attn.k_proj.weight",
    "model.layers.2.self_attn.v_proj.weight",
    "model.layers.0.self_attn.o_proj.weight",
    "model.layers.1.mlp.gate_proj.weight",
    "model.norm.weight",
    "model.layers.2.mlp.up_proj.weight",
    "model.layers.0.mlp.down_proj.weight",
    "model.layers.1.input_layernorm.weight",
    "model.layers.2.post_attention_layernorm.weight",
]
assert len(FLIPPED) == len(ROWS)

HEAD = ["rope type", "configuration's spelling", "heads : kv heads", "head_dim", "vocabulary",
        "tied", "biases", "stored as", "files", "scaling seen", "flipped bit seen in"]

PAGE = """# Tested models

Each row is a tiny llama with random weights, made by `transformers` when the test runs. Each cell
says what was compared with `transformers` in float32 on that tier, and which attention plugin
computed it:

- `logits`: of a prompt of 48 tokens, past the {trained} positions of training; no logit is further
  off than 2e-4 of the largest;
- `one`: the greedy tokens of one prompt, which grow past those positions;
- `batch`: the greedy tokens of three prompts of different lengths at once, each as if it were alone.

`scaling seen`: without the rope scaling (for `default`: with another base) the reference's own logits
differ by more than 100 times the tolerance. `flipped bit seen in`: with the lowest or the highest
exponent bit of one number of that weight flipped in the file, the comparison of logits fails.
`device` holds all weights; `cpu`, `pinned` and `nvme` stream them through a device memory of a third
of the weights, or of the least that is accepted; `resident` is that tier with room for all on the
device.

This page is written by `tests/models/llama_test.py PROGRAM FOLDER --update` from the test's results.

"""
