"""Writes what transformers computes, for the tests of the torch half: reference.py OUT.json

Weights are written in full into the JSON: the models are tiny.
"""
import json
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

DIM = 16
TRAINED = 64


def rope_case(name, parameters, last, max_positions=TRAINED):
    config = LlamaConfig(
        hidden_size=DIM, num_attention_heads=1, head_dim=DIM,
        max_position_embeddings=max_positions,
        rope_parameters={"rope_theta": 10000.0, **parameters},
    )
    rotary = LlamaRotaryEmbedding(config)
    cos, sin = rotary(torch.zeros(1, 1, DIM), torch.arange(last)[None])
    return {
        "name": name, "parameters": config.rope_parameters, "length": last, "dim": DIM,
        "max_positions": max_positions, "attention_factor": rotary.attention_scaling,
        "cos": cos[0].flatten().tolist(), "sin": sin[0].flatten().tolist(),
    }


def ropes():
    short = [1.0 + i / 10 for i in range(DIM // 2)]
    long = [2.0 + i for i in range(DIM // 2)]
    longrope = {"rope_type": "longrope", "factor": 4.0, "short_factor": short,
                "long_factor": long, "original_max_position_embeddings": TRAINED}
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": TRAINED}
    return [
        rope_case("default", {"rope_type": "default"}, 100),
        rope_case("linear", {"rope_type": "linear", "factor": 4.0}, 100),
        rope_case("dynamic within", {"rope_type": "dynamic", "factor": 4.0}, 60),
        rope_case("dynamic beyond", {"rope_type": "dynamic", "factor": 4.0}, 100),
        rope_case("llama3", {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0,
                             "original_max_position_embeddings": TRAINED}, 300),
        rope_case("yarn", yarn, 200, 4 * TRAINED),
        rope_case("yarn untruncated", {**yarn, "truncate": False, "beta_fast": 16.0}, 200,
                  4 * TRAINED),
        rope_case("longrope within", longrope, 60, 4 * TRAINED),
        rope_case("longrope beyond", longrope, 200, 4 * TRAINED),
    ]


def llama():
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=61, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
        tie_word_embeddings=False, rms_norm_eps=1e-6, attention_bias=True,
    )
    model = LlamaForCausalLM(config).double().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * (0.1 if p.dim() > 1 else 0.5) + ("norm" in name))
    prompts = [torch.randint(0, 61, (n,)).tolist() for n in (9, 1, 5)]
    logits = [model(torch.tensor([p])).logits[0].flatten().tolist() for p in prompts]

    ids = torch.tensor([prompts[0]])
    out = model(ids).logits[0, :-1]
    loss = torch.nn.functional.cross_entropy(out, ids[0, 1:])
    loss.backward()
    return {
        "config": config.to_dict(), "prompts": prompts, "logits": logits, "loss": loss.item(),
        "weights": {n: {"shape": list(p.shape), "data": p.flatten().tolist(),
                        "gradient": p.grad.flatten().tolist()}
                    for n, p in model.named_parameters()},
    }


def routers():
    torch.manual_seed(3)
    layers = tuple(torch.randn(9, 5, dtype=torch.float64, requires_grad=True) for _ in range(3))
    loss = load_balancing_loss_func(layers, 5, 2)
    loss.backward()
    return {"loss": loss.item(), "logits": [layer.flatten().tolist() for layer in layers],
            "gradients": [layer.grad.flatten().tolist() for layer in layers]}


if __name__ == "__main__":
    with open(sys.argv[1], "w") as f:
        json.dump({"ropes": ropes(), "llama": llama(), "routers": routers()}, f, default=str)
