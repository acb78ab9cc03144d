"""Every activation that transformers knows by a name, in an mlp, and every third one in experts as
well: logits as its own; one that has weights is refused by name.

usage: activations_test.py PROGRAM FOLDER
"""

import pathlib
import sys
import tempfile

import numpy as np
import torch
import transformers
from transformers.activations import ACT2CLS

import quietly
from program import TOLERANCE, Many, Refused

OWN_WEIGHTS = {"prelu", "xielu"}
IDS = list(range(3, 40))
MODELS = {
    "activation_function": {
        "model_type": "opt", "vocab_size": 64, "hidden_size": 16, "ffn_dim": 40,
        "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64,
        "word_embed_proj_dim": 16},
    "hidden_act": {
        "model_type": "qwen3_moe", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 40,
        "moe_intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 2, "num_experts": 4, "num_experts_per_tok": 2, "head_dim": 8},
}


def check(program, folder, key, name):
    """The words of what is wrong, or none."""
    config = transformers.AutoConfig.for_model(**MODELS[key], **{key: name})
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for weight in model.parameters():  # wide enough for the ends of every function
            weight.normal_(std=1.0)
    model.save_pretrained(folder)
    try:
        got = program.logits(folder, IDS, "--offload", "device")
    except Refused as refused:
        return "" if name in OWN_WEIGHTS and f"'{name}'" in str(refused) else str(refused)
    if name in OWN_WEIGHTS:
        return "was not refused"
    with torch.no_grad():
        want = model(torch.tensor([IDS])).logits[0].numpy()
    far = np.abs(got - want).max() / np.abs(want).max()
    return "" if far <= TOLERANCE else f"the logits are {far:.1e} of the largest one off"


def main():
    torch.set_num_threads(1)
    quietly.silence()
    path, parent = sys.argv[1:]
    program, failures = Many(path), []
    for at, name in enumerate(ACT2CLS):
        for key in MODELS:
            if key == "hidden_act" and (at % 3 != 0 or name in OWN_WEIGHTS):
                continue
            with tempfile.TemporaryDirectory(dir=parent) as folder:
                if wrong := check(program, pathlib.Path(folder), key, name):
                    failures.append(f"{name}: {key}: {wrong}")
    program.close()
    print(*failures, sep="\n")
    print(f"{len(ACT2CLS)} activations, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
