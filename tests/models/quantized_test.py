"""Tiny models that come quantized by GPTQ and AWQ through the program, against transformers with the same numbers.

Usage: quantized_test.py PROGRAM FOLDER [--device cuda]
"""

import json
import pathlib
import sys
import tempfile

import safetensors.torch
import torch
import transformers

import quietly
from program import TOLERANCE, Many, Refused
from quantized_files import write_awq, write_gptq
from reference import Reference
from tested import distance, need

IDS = [5, 17, 3, 99, 42, 7, 63, 1]
TIERS = {"cpu": ("device", "cpu", "nvme"), "cuda": ("device", "pinned", "nvme")}


def source(folder):
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=128, hidden_size=128, intermediate_size=192, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, initializer_range=0.1, tie_word_embeddings=False)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def variants():
    for bits in (2, 3, 4, 8):
        for version in (1, 2):
            for act_order in (False, True):
                yield (f"GPTQ of {bits} bits, version {version}{', columns in any order' if act_order else ''}",
                       lambda *folders, options=dict(bits=bits, version=version, act_order=act_order):
                       write_gptq(*folders, **options))
    yield "symmetric GPTQ", lambda *folders: write_gptq(*folders, symmetric=True)
    yield "GPTQ with a group a row", lambda *folders: write_gptq(*folders, group=-1)
    yield "AWQ", write_awq
    yield "AWQ with groups of 64", lambda *folders: write_awq(*folders, group=64)


def same_logits(program, quantized, twin, words):
    want = Reference(twin).logits(IDS)
    for tier in TIERS[program.device]:
        far = distance(program.logits(quantized, IDS, "--dtype", "float32", "--offload", tier), want)
        need(far <= TOLERANCE, f"{words}, in {tier}: the logits are {far:.1e} of the largest one off")


def configure(folder, **options):
    """Changes the quantization_config of a folder; without options it is removed."""
    config = folder / "config.json"
    settings = json.loads(config.read_text())
    settings["quantization_config"] = {**settings["quantization_config"], **options} if options else None
    config.write_text(json.dumps(settings))


def another_zero_is_seen(program, quantized, twin):
    """Zeros of the other version change the logits: the test above can fail."""
    configure(quantized, checkpoint_format="gptq_v2")
    far = distance(program.logits(quantized, IDS, "--dtype", "float32"), Reference(twin).logits(IDS))
    need(far > 100 * TOLERANCE, f"zeros less one differ by {far:.1e} alone")


def refused(program, quantized, words):
    try:
        program.logits(quantized, IDS)
    except Refused as line:
        last = str(line).splitlines()[-1]
        need(words in last and str(line).count("error: ") == 1, f"refused with: {line}")
    else:
        need(False, f"accepted, and {words} should be refused")


def without_order(folder, left):
    """Takes the g_idx of each weight away: the whole tensor, or its elements."""
    file = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(file)
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith("g_idx")}
    empty = {name: tensor[:0] for name, tensor in tensors.items() if name not in kept}
    safetensors.torch.save_file({**kept, **(empty if left else {})}, file, {"format": "pt"})


def orders(program, source, parent):
    """desc_act needs a g_idx, unless a row is one group; without desc_act there may be one."""
    for left in (False, True):
        folder, twin = parent / f"order-{left}", parent / f"order-{left}-twin"
        write_gptq(source, folder, twin, act_order=True)
        without_order(folder, left)
        refused(program, folder, "g_idx is missing or empty")
        for words, group, free in (("desc_act false", 32, False), ("a group a row", -1, True)):
            folder = parent / f"{words}-{left}"
            write_gptq(source, folder, parent / f"{words}-{left}-twin", group=group)
            configure(folder, desc_act=free)
            without_order(folder, left)
            same_logits(program, folder, parent / f"{words}-{left}-twin", f"{words}, g_idx {left and 'empty'}")
    write_gptq(source, parent / "trivial", parent / "trivial-twin")
    configure(parent / "trivial", desc_act=True)
    same_logits(program, parent / "trivial", parent / "trivial-twin", "desc_act with columns in order")


def main():
    torch.set_num_threads(1)
    quietly.silence()
    program = Many(sys.argv[1], device=sys.argv[4] if sys.argv[3:4] == ["--device"] else "cpu")
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as name:
        parent = pathlib.Path(name)
        source(parent / "source")
        for at, (words, write) in enumerate(variants()):
            quantized, twin = parent / f"{at}", parent / f"{at}-twin"
            write(parent / "source", quantized, twin)
            same_logits(program, quantized, twin, words)
        write_gptq(parent / "source", parent / "seen", parent / "seen-twin")
        another_zero_is_seen(program, parent / "seen", parent / "seen-twin")
        configure(parent / "seen", checkpoint_format="marlin")
        refused(program, parent / "seen", "'marlin'")
        configure(parent / "seen")
        refused(program, parent / "seen", "no object quantization_config")
        orders(program, parent / "source", parent)
    program.close()


main()
