"""Loads a saved adapter with peft, and compares what it adds to each weight.

Usage: check_saved.py FOLDER RSLORA
The elements of its matrices are those of `number`, counted as the program has them.
"""

import math
import sys
import warnings

import peft
import torch
import transformers

warnings.simplefilter("error", UserWarning)
FOLDER, RSLORA = sys.argv[1], sys.argv[2] == "1"
RANKS = {"q_proj": 3, "gate_up_proj": 5}
ALPHAS = {"q_proj": 7.0}


def number(module, part, shape):
    """sin of the index and of a letter for each part."""
    count = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(count * 0.37 + len(module) + part).float().view(shape)


model = transformers.OlmoeForCausalLM(transformers.OlmoeConfig(
    vocab_size=20, hidden_size=8, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2,
    num_key_value_heads=1, num_experts=2, num_experts_per_tok=1, pad_token_id=None))
plain = {name: weight.clone() for name, weight in model.state_dict().items()}
merged = peft.PeftModel.from_pretrained(model, FOLDER).merge_and_unload().state_dict()
changed = set()
for name, experts, out, into in (
        ("model.layers.0.self_attn.q_proj", 1, 8, 8), ("model.layers.0.mlp.gate", 1, 2, 8),
        ("model.layers.0.mlp.experts.gate_up_proj", 2, 12, 8),
        ("model.layers.0.mlp.experts.down_proj", 2, 8, 6), ("lm_head", 1, 20, 8),
        ("model.embed_tokens", 1, 8, 20)):
    last = name.rpartition(".")[2]
    rank = RANKS.get(last, 2)
    a, b = number(name, 0, (experts, rank, into)), number(name, 1, (experts, out, rank))
    wanted = b @ a * ALPHAS.get(last, 4.0) / (math.sqrt(rank) if RSLORA else rank)
    weight = name if name in plain else name + ".weight"
    added = merged[weight] - plain[weight]
    wanted = wanted if "experts" in name else wanted[0]
    wanted = wanted.T if last == "embed_tokens" else wanted
    torch.testing.assert_close(added, wanted, rtol=1e-5, atol=1e-5, msg=lambda words: f"{name}: {words}")
    changed.add(weight)
for name in plain.keys() - changed:
    assert torch.equal(plain[name], merged[name]), name
