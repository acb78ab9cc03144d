#!/usr/bin/env python3
"""Claim: quantizing while a model is opened runs at the disk's read rate, or at 3 GB/s of bfloat16.

A llama with random bfloat16 weights is run for one token with `--quant` and a cache that is empty, so that
the program reads, packs and writes all weights; then once more, when it finds the packed weights. In
alternating order the script measures the fastest of several sizes and depths of O_DIRECT reads of the same
file. It prints, for each scheme, the bytes of bfloat16 a second while packing, their ratio to the lesser of
the disk's rate and 3 GB/s, and the seconds to the first token of both starts.

usage: ./dev bench quantize [--layers N] [--rounds N] [--folder DIR] [--strata PROGRAM] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import torch
import transformers

from limits import disk

HIDDEN, WIDE, HEADS, VOCABULARY = 2048, 5632, 16, 32000
SCHEMES = ("int4", "int8", "fp8")
ENOUGH = 3e9  # bytes of bfloat16 a second


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="build/bin/strata")
    parser.add_argument("--layers", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=".", help="on the disk to measure")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def write_model(folder, layers):
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=WIDE, num_hidden_layers=layers,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, tie_word_embeddings=False)
    torch.set_default_dtype(torch.bfloat16)
    transformers.LlamaForCausalLM(config).save_pretrained(folder, max_shard_size="100GB")
    return folder / "model.safetensors"


def forget(file):
    """Drops the file's pages, so that the next run reads the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def start(strata, folder, scheme, cache):
    command = [strata, "generate", "--model", folder, "--device", "cpu", "--quant", scheme, "--quant-cache", cache,
               "--input-ids", "1,2,3", "--max-new-tokens", "1", "--ignore-eos", "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)["report"]


def main():
    options = arguments()
    rows = {scheme: {"packing": [], "first": [], "second": []} for scheme in SCHEMES}
    limits = []
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = pathlib.Path(temporary)
        file = write_model(folder, options.layers)
        stored = file.stat().st_size
        for _ in range(options.rounds):
            limits.append(disk.rate(file))
            for scheme, row in rows.items():
                cache = folder / "cache"
                forget(file)
                made = start(options.strata, folder, scheme, cache)
                if made["quant"]["cache"] != "made":
                    sys.exit(f"error: {scheme}: the packed weights were {made['quant']['cache']}, not made")
                row["packing"].append(stored / made["quant"]["seconds"])
                row["first"].append(made["quant"]["seconds"] + made["load_s"] + made["first_token_s"])
                for packed in cache.rglob("*"):
                    if packed.is_file():
                        forget(packed)
                found = start(options.strata, folder, scheme, cache)
                if found["quant"]["cache"] != "found":
                    sys.exit(f"error: {scheme}: the packed weights were {found['quant']['cache']}, not found")
                row["second"].append(found["load_s"] + found["first_token_s"])
                shutil.rmtree(cache)
    limit = statistics.median(limits)
    bound = min(limit, ENOUGH)
    print(f"disk {limit / 1e9:.2f} GB/s; {stored / 1e9:.2f} GB of bfloat16; medians of {options.rounds} rounds")
    for scheme, row in rows.items():
        packing, first, second = (statistics.median(row[key]) for key in ("packing", "first", "second"))
        print(f"{scheme}: {packing / 1e9:.2f} GB/s while packing, {packing / bound:.3f} of the bound; "
              f"first token after {first:.1f} s, on the second start {second:.1f} s")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"disk": limits, "bytes": stored, "schemes": rows}))


main()
