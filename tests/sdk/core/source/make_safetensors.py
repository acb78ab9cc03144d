"""Writes one set of tensors as one file and as three shards, and what the package reads of them."""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

from dtype_codes import CODES, described

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(7)
shapes = [(3, 5), (4,), (), (2, 3, 4), (1, 7)]
tensors = {}
for i, dtype in enumerate(CODES):
    shape = shapes[i % len(shapes)]
    tensors[f"layer.{i}.weight"] = (torch.randn(shape) * 50).to(dtype)
tensors["empty"] = torch.zeros(0, 3)
tensors["names with \"quotes\" and ä"] = torch.arange(6, dtype=torch.float32)

for name in ("one", "three"):
    (folder / name).mkdir()
    (folder / name / "config.json").write_text("{}")
save_file(tensors, folder / "one" / "model.safetensors", metadata={"format": "pt"})

weight_map = {}
for part in range(3):
    shard = f"model-{part + 1:05d}-of-00003.safetensors"
    held = {name: t for i, (name, t) in enumerate(tensors.items()) if i % 3 == part}
    save_file(held, folder / "three" / shard)
    weight_map |= {name: shard for name in held}
index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
(folder / "three" / "model.safetensors.index.json").write_text(json.dumps(index))

expected = {name: described(t) for name, t in tensors.items()}
(folder / "expected.json").write_text(json.dumps(expected))
