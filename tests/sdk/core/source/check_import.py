"""Loads the folder IMPORTED with transformers and compares every tensor with its loading of GGUF."""
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM

folder, gguf = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
ours, info = AutoModelForCausalLM.from_pretrained(
    folder, dtype=torch.float32, output_loading_info=True
)
assert not info["missing_keys"] and not info["unexpected_keys"], info
theirs = AutoModelForCausalLM.from_pretrained(
    gguf.parent, gguf_file=gguf.name, dtype=torch.float32
).state_dict()
assert ours.state_dict().keys() == theirs.keys()
for name, tensor in ours.state_dict().items():
    assert torch.equal(tensor, theirs[name]), name
