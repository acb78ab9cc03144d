"""Writes the modules of a tiny opt that peft means by "all-linear".

Usage: all_linear.py FILE
"""

import json
import sys

import peft
import transformers
from peft.tuners.tuners_utils import _maybe_include_all_linear_layers

model = transformers.OPTForCausalLM(transformers.OPTConfig(
    vocab_size=20, hidden_size=8, word_embed_proj_dim=4, ffn_dim=8, num_hidden_layers=1,
    num_attention_heads=2, max_position_embeddings=16))
config = _maybe_include_all_linear_layers(peft.LoraConfig(target_modules="all-linear"), model)
with open(sys.argv[1], "w") as file:
    json.dump(sorted(config.target_modules), file)
