"""Writes what peft's rules say of many configurations and names.

Usage: rules.py FILE
"""

import itertools
import json
import random
import sys

import peft
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key

NAMES = [f"model.layers.{layer}.{part}" for layer in (0, 1, 2, 11) for part in (
    "self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj", "mlp.experts.3.w1", "mlp.experts.down_proj")]
NAMES += ["lm_head", "model.embed_tokens", "transformer.h.1.attn.c_attn", "q_proj", "xq_proj",
          "model.xq_proj"]
PATTERNS = ["q_proj", "layers.1.self_attn.q_proj", r"model\.layers\.(0|2)\..*", "down_proj", "mlp.*",
            "^model.layers.1.mlp.down_proj", "lm_head", r"\d+\.self_attn\.[qk]_proj", "experts.3.w1",
            "proj", r"layers\.\d\.mlp", "q_proj|down_proj", ""]
TARGETS = [["q_proj", "down_proj"], ["model.layers.0.self_attn.q_proj", "w1"], r".*\.(q|k)_proj", "q_proj",
           r"model\.layers\.[01]\..*down_proj", ["proj"], [], r".*1.*", ["c_attn"]]
EXCLUDED = [None, ["k_proj"], r".*layers\.1\..*", ["layers.0.self_attn.q_proj"], []]
LAYERS = [(None, None), (1, None), ([0, 2], None), ([1], "layers"), ([11, 3], ["h", "layers"]), ([], None),
          ([3], "experts"), ([1], [])]
SAVED = [None, ["mlp"], ["lm_head", "self_attn"]]


def scales():
    """Ranks and alphas by rules in random orders."""
    pick, out = random.Random(1), []
    for _ in range(60):
        config = {"r": pick.choice((1, 4, 16)), "lora_alpha": pick.choice((1, 8, 12.5)),
                  "use_rslora": pick.choice((True, False))}
        for key in ("rank_pattern", "alpha_pattern"):
            config[key] = {pattern: pick.randint(1, 64) for pattern in pick.sample(PATTERNS, 4)}
        found = []
        for name in NAMES:
            rank = config["rank_pattern"].get(get_pattern_key(config["rank_pattern"], name), config["r"])
            alpha = config["alpha_pattern"].get(
                get_pattern_key(config["alpha_pattern"], name), config["lora_alpha"])
            found.append([rank, alpha / (rank ** 0.5 if config["use_rslora"] else rank)])
        out.append({"config": config | {"peft_type": "LORA"}, "found": found})
    return out


def targets():
    out = []
    for modules, excluded, (layers, pattern), saved in itertools.product(TARGETS, EXCLUDED, LAYERS, SAVED):
        given = {"target_modules": modules, "exclude_modules": excluded, "modules_to_save": saved}
        if not isinstance(modules, str):
            given |= {"layers_to_transform": layers, "layers_pattern": pattern}
        try:
            config = peft.LoraConfig(**given)
        except ValueError:
            continue
        found = [bool(check_target_module_exists(config, name)) for name in NAMES]
        out.append({"config": given | {"peft_type": "LORA"}, "found": found})
    return out


with open(sys.argv[1], "w") as file:
    json.dump({"names": NAMES, "scales": scales(), "targets": targets()}, file)
