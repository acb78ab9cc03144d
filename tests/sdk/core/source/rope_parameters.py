"""Writes configurations with what transformers makes of their rope parameters."""
import json
import sys

from transformers import LlamaConfig, Phi3Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

BASE = {"hidden_size": 64, "num_attention_heads": 4, "max_position_embeddings": 256}
FACTORS = {
    "short_factor": [1.0 + i / 10 for i in range(8)],
    "long_factor": [2.0 + i / 10 for i in range(8)],
}
SCALINGS = [
    {"rope_type": "linear", "factor": 2.5},
    {"rope_type": "dynamic", "factor": 4},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 64},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
    {"rope_type": "yarn", "factor": 4.0},
    {"rope_type": "yarn", "factor": None, "original_max_position_embeddings": 64},
    {"rope_type": "yarn", "factor": 0.5, "original_max_position_embeddings": 64},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64,
     "attention_factor": 1.25, "beta_fast": 16, "beta_slow": 2, "truncate": False},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64,
     "mscale": 0.7, "mscale_all_dim": 1.3},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64,
     "mscale": 0.7, "beta_fast": None},
    {"rope_type": "yarn", "factor": 4.0, "truncate": None, "beta_fast": 1, "beta_slow": 9},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 1.0},
    {"rope_type": "linear", "factor": 2.5, "original_max_position_embeddings": 64, "beta": None},
    {"rope_type": "longrope", **FACTORS, "original_max_position_embeddings": 64},
    {"rope_type": "longrope", **FACTORS, "original_max_position_embeddings": 64, "factor": 2.0},
    {"rope_type": "longrope", **FACTORS, "factor": 2.0},
    {"rope_type": "longrope", **FACTORS, "original_max_position_embeddings": 64,
     "attention_factor": 1.5},
]


def expected(kind, config):
    made = kind(**json.loads(json.dumps(config)))
    computed = {}
    if made.rope_parameters["rope_type"] in ROPE_INIT_FUNCTIONS:
        # This also completes rope_parameters, as it does when a model is made.
        _, factor = ROPE_INIT_FUNCTIONS[made.rope_parameters["rope_type"]](made, "cpu")
        computed["attention_factor"] = factor
    rope = dict(made.rope_parameters) | computed
    if rope["rope_type"] not in ("llama3", "yarn", "longrope"):
        rope.pop("original_max_position_embeddings", None)
    head_dim = getattr(made, "head_dim", None) or made.hidden_size // made.num_attention_heads
    rope["head_dim"] = head_dim
    rope["dim"] = int(head_dim * rope.get("partial_rotary_factor", 1.0))
    if rope["rope_type"] == "dynamic":
        rope["max_position_embeddings"] = made.max_position_embeddings
    if rope["rope_type"] == "yarn":
        rope["beta_fast"] = rope.get("beta_fast") or 32
        rope["beta_slow"] = rope.get("beta_slow") or 1
        rope["truncate"] = int(rope.get("truncate", True) or 0)
    if rope["rope_type"] in ("yarn", "longrope") and rope.get("factor") is None:
        ratio = made.max_position_embeddings / rope["original_max_position_embeddings"]
        rope["factor"] = ratio
    return {k: v for k, v in rope.items() if v is not None}


cases = []


def add(config, kind=LlamaConfig):
    cases.append({"config": config, "expected": expected(kind, config)})


add(BASE)
add({**BASE, "rope_theta": 500000.0})
add({**BASE, "rope_parameters": {"rope_type": "default", "rope_theta": 77.0}})
add({**BASE, "head_dim": 32, "rope_scaling": None, "rope_theta": 5e5})
for scaling in SCALINGS:
    add({**BASE, "rope_theta": 20000.0, "rope_scaling": scaling})
    old = {"type" if k == "rope_type" else k: v for k, v in scaling.items()}
    add({**BASE, "rope_theta": 20000.0, "rope_scaling": old})
    add({**BASE, "rope_parameters": {**scaling, "rope_theta": 30000.0}})
    # The model's own original length comes before that of the rope parameters.
    if scaling["rope_type"] in ("llama3", "yarn", "longrope"):
        add({**BASE, "rope_theta": 20000.0, "rope_scaling": scaling,
             "original_max_position_embeddings": 32})
partial = {**BASE, "partial_rotary_factor": 0.5, "pad_token_id": 0}
half = {"short_factor": FACTORS["short_factor"][:4], "long_factor": FACTORS["long_factor"][:4]}
add(partial, Phi3Config)
add({**partial, "rope_scaling": {"type": "longrope", **half},
     "original_max_position_embeddings": 64}, Phi3Config)
add({**BASE, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4,
                                 "partial_rotary_factor": 0.25}})

# Where both spellings are there.
for scaling in ({"type": "linear", "factor": 3.0}, {"rope_type": "yarn", "factor": 4.0}, {}, None):
    add({**BASE, "rope_theta": 5.0, "rope_scaling": scaling,
         "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 7.0}})
    add({**BASE, "rope_scaling": scaling, "rope_parameters": {"rope_theta": 7.0}})
add({**BASE, "rope_theta": 5.0, "rope_parameters": {}, "partial_rotary_factor": None})
add({**BASE, "rope_theta": 5.0, "rope_parameters": None})

with open(sys.argv[1], "w") as out:
    json.dump(cases, out)
