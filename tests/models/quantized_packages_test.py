"""Tiny models as compressed-tensors, bitsandbytes and fine-grained FP8 store them through the program, against
transformers with the weights that they stand for.

Usage: quantized_packages_test.py PROGRAM FOLDER [--device cuda]
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import safetensors.torch
import torch

import quantized_packages
import quietly
from program import TOLERANCE, Many, Refused
from reference import Reference
from row import Row, make

IDS = [5, 17, 3, 99, 42, 7, 63, 1]
TIERS = {"cpu": ("device", "cpu", "nvme"), "cuda": ("device", "pinned", "nvme")}
# Rows of whole groups, and of blocks of 128 with a rest.
TINY = Row("", {"model_type": "llama", "vocab_size": 256, "hidden_size": 192, "intermediate_size": 320,
                "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2}, "", seed=11)


def need(condition, words):
    print("yes:" if condition else "NO:", words, flush=True)
    if not condition:
        sys.exit(1)


def write(folder, config, tensors):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    safetensors.torch.save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def same_logits(program, folder, want, words):
    for tier in TIERS[program.device]:
        got = program.logits(folder, IDS, "--dtype", "float32", "--offload", tier)
        far = float(np.abs(got - want).max() / np.abs(want).max())
        need(far <= TOLERANCE, f"{words}, {tier}: the logits are {far:.1e} of the largest off")


def a_changed_scale(program, folder, config, packed, want, words):
    """Logits that did not come from the quantized tensors would stay the same."""
    name = next(n for n in sorted(packed) if n.endswith(("weight_scale", "scale_inv", "absmax", "SCB")))
    changed = packed[name].clone()
    bytes_of = changed.view(torch.uint8).flatten()
    bytes_of[:] = torch.roll(bytes_of, changed.element_size() * 3)
    if torch.equal(changed.view(torch.uint8), packed[name].view(torch.uint8)):
        return  # a single scale
    write(folder, config, packed | {name: changed})
    got = program.logits(folder, IDS)
    need(np.abs(got - want).max() > TOLERANCE * np.abs(want).max(), f"{words}: other scales give other logits")


def refused(program, folder, config, packed):
    """A scale of other groups than the codes' ends in one line that names both."""
    name = "model.layers.0.mlp.down_proj.weight_scale"
    write(folder, config, packed | {name: packed[name][:, :-1].contiguous()})
    try:
        program.logits(folder, IDS)
    except Refused as error:
        return need("weight_packed I32" in str(error) and "weight_scale F32" in str(error), str(error))
    need(False, "scales of other groups are refused")


ONLINE = {"config_groups": {"R4": {"type": "hadamard", "apply": [{"targets": ["Linear"], "location": "input"}]}}}
# By format: the settings of its weights, or of all, that the tensors contradict or that are not supported.
WRONG = {"4 bits with zeros": {"symmetric": True, "num_bits": 8}, "4 bits in groups": {"transform_config": ONLINE},
         "float-quantized": {"block_structure": [32, 32]}, "FP8 in small blocks": {"weight_block_size": [64, 32]},
         "FP8 in blocks": {"weight_block_size": [64, 64]}}


def contradicted(program, folder, config, packed, wrong):
    """Each of these settings ends in one line that names it."""
    for key, value in wrong.items():
        of = json.loads(json.dumps(config["quantization_config"]))
        inner = of["config_groups"]["group_0"]["weights"] if key in ("symmetric", "num_bits", "block_structure") else of
        inner[key] = value
        write(folder / key, {**config, "quantization_config": of}, packed)
        try:
            program.logits(folder / key, IDS)
        except Refused as error:
            need(f"config.json's {key}" in str(error) and len(str(error).splitlines()) == 1, str(error))
        else:
            need(False, f"{key} {value} is refused")


def main():
    torch.set_num_threads(1)
    quietly.silence()
    program = Many(sys.argv[1], device=sys.argv[4] if sys.argv[3:4] == ["--device"] else "cpu")
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as name:
        parent = pathlib.Path(name)
        make(TINY, parent / "plain")
        config = json.loads((parent / "plain/config.json").read_text())
        plain = safetensors.torch.load_file(parent / "plain/model.safetensors")
        for words, (change, options) in quantized_packages.FORMATS.items():
            packed, dense = quantized_packages.quantize(plain, change)
            folder, of = parent / words, {**config, "quantization_config": options}
            folder.mkdir()
            write(folder / "packed", of, packed)
            write(folder / "dense", config, dense)
            want = Reference(folder / "dense").logits(IDS)
            same_logits(program, folder / "packed", want, words)
            a_changed_scale(program, folder / "changed", of, packed, want, words)
            if words == "4 bits in groups":
                refused(program, folder / "refused", of, packed)
            contradicted(program, folder, of, packed, WRONG.get(words, {}))
    program.close()


main()
