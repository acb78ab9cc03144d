#!/usr/bin/env python3
"""Claim: decode of a model that lies in host memory or on disk runs at the link's or the disk's rate.

The model has the shape of Llama-2-13B, made-up bfloat16 weights and 4 GiB of device memory; batches are
1 with prompts of 512 tokens and 32 with prompts of 32. Before and after each run the script measures the
machine's own limit: copies from page-locked memory for --offload pinned; for nvme, reads with O_DIRECT
of the same checkpoint, the best of several sizes and depths. A step's rate is its moved bytes over its
time; a first loop from page-locked memory warms up. The script prints the median rate over the median
limit. A ratio above 1.02 voids a run.

usage: bench/stream_13b.py [--strata PROGRAM] [--offload pinned|nvme] [--offload-dir DIR] [--json FILE]
"""
import argparse
import array
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

from limits import disk

CASES = ((1, 512), (32, 32))
BLOCK = 256 << 20  # bytes of one measured copy


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="bin/strata" if os.path.exists("bin/strata") else "build/bin/strata")
    parser.add_argument("--model", default="llama-2-13b")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--device-memory", default="4GiB")
    parser.add_argument("--host-memory", default="64GiB")
    parser.add_argument("--offload", default="pinned", choices=("pinned", "nvme"))
    parser.add_argument("--offload-dir", default=".", help="of --offload nvme: a folder on the disk to measure")
    parser.add_argument("--gen-len", type=int, default=11, help="tokens; the first is prefill's")
    parser.add_argument("--loops", type=int, default=3, help="of a run, the first of which warms up")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each case, with limits around each")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def link_rate():
    """Bytes a second of copies from page-locked memory to the GPU, in blocks, by the GPU's own clock."""
    import torch

    host = torch.empty(BLOCK, dtype=torch.uint8, pin_memory=True)
    device = torch.empty(BLOCK, dtype=torch.uint8, device="cuda")
    rates = []
    for _ in range(44):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        device.copy_(host, non_blocking=True)
        end.record()
        end.synchronize()
        rates.append(BLOCK / (begin.elapsed_time(end) / 1e3))
    del host, device
    torch.cuda.empty_cache()
    return statistics.median(rates[4:])


def weights(config):
    """Names and shapes of the tensors in a llama checkpoint."""
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    table = [config["vocab_size"], hidden]
    out = {"model.embed_tokens.weight": table}
    for layer in range(config["num_hidden_layers"]):
        parts = {"input_layernorm": [hidden], "post_attention_layernorm": [hidden],
                 "self_attn.q_proj": [hidden, hidden], "self_attn.k_proj": [keys, hidden],
                 "self_attn.v_proj": [keys, hidden], "self_attn.o_proj": [hidden, hidden],
                 "mlp.gate_proj": [ffn, hidden], "mlp.up_proj": [ffn, hidden],
                 "mlp.down_proj": [hidden, ffn]}
        out.update({f"model.layers.{layer}.{name}.weight": s for name, s in parts.items()})
    return {**out, "model.norm.weight": [hidden], "lm_head.weight": table}


class Checkpoint:
    """A folder with random weights, and the rate of reading its file past the page cache."""

    def __init__(self, options):
        self.folder = tempfile.mkdtemp(dir=options.offload_dir, prefix="stream_13b-")
        shapes = os.path.join(os.path.dirname(options.strata), "../share/strata/shapes")
        with open(os.path.join(shapes, options.model + ".json"), encoding="utf-8") as file:
            config = json.load(file)
        with open(os.path.join(self.folder, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.path = os.path.join(self.folder, "model.safetensors")
        self.write(weights(config))
        self.size = os.path.getsize(self.path)

    def write(self, tensors):
        header, at = {}, 0
        for name, shape in tensors.items():
            end = at + 2 * math.prod(shape)
            header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}
            at = end
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        # Values have either sign and magnitudes from 2^-7 to 2^-6: small enough that no layer overflows.
        words = memoryview(os.urandom(8 << 20)).cast("H")
        block = array.array("H", (0x3C00 | word & 0x807F for word in words)).tobytes()
        with open(self.path, "wb", buffering=0) as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for place in range(0, at, len(block)):
                turn = place // len(block) * 2 % len(block)  # no two blocks are alike
                file.write((block[turn:] + block[:turn])[:at - place])
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def remove(self):
        shutil.rmtree(self.folder)


def generate(options, checkpoint, batch, prompt):
    """The same for a checkpoint: one loop, and its report."""
    words = random.Random(5)
    ids = [part for _ in range(batch) for part in
           ("--input-ids", ",".join(str(words.randrange(3, 30000)) for _ in range(prompt)))]
    out = program(options, "generate", "--model", checkpoint.folder, *ids, "--ignore-eos",
                  "--max-new-tokens", str(options.gen_len))["report"]
    moved = out["moved"]["decode"]
    loop = {"decode_latency_s": out["decode_s"],
            "moved": {"decode": moved["counted"], "steps": moved["steps"]}}
    return {"loops": [loop], "report": out}


def program(options, command, *more):
    words = [options.strata, command, "--dtype", "bfloat16", "--device", options.device,
             "--offload", options.offload, "--device-memory", options.device_memory,
             "--host-memory", options.host_memory, "--json", *more]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words[:20])}\nexit status {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def dummy(options, batch, prompt):
    out = program(options, "bench", "--model", options.model, "--dummy",
                  "--batch-size", str(batch), "--prompt-len", str(prompt),
                  "--gen-len", str(options.gen_len), "--loops", str(options.loops))
    out["loops"] = out["loops"][1:]
    return out


def measure(options, batch, prompt, run, limit):
    limits, runs = [limit()], []
    for _ in range(options.rounds):
        runs.append(run(batch, prompt))
        limits.append(limit())
    loops = [loop for one in runs for loop in one["loops"]]
    steps = sum(loop["moved"]["steps"] for loop in loops)
    step_s = statistics.median(l["decode_latency_s"] / l["moved"]["steps"] for l in loops)
    moved = statistics.median(l["moved"]["decode"] / l["moved"]["steps"] for l in loops)
    result = {"batch": batch, "prompt": prompt, "steps": steps, "step_s": step_s,
              "moved_bytes_a_step": moved, "rate": moved / step_s, "limit": statistics.median(limits),
              "limits": limits, "ratio": moved / step_s / statistics.median(limits), "runs": runs}
    result["void"] = result["ratio"] > 1.02
    print(f"{options.offload} B={batch} prompt {prompt}: {moved / 1e9:.2f} GB a step in "
          f"{step_s * 1e3:.1f} ms (median of loops, {steps} steps) = {result['rate'] / 1e9:.2f} GB/s; "
          f"limit {result['limit'] / 1e9:.2f} GB/s ({min(limits) / 1e9:.2f} to {max(limits) / 1e9:.2f}); "
          f"ratio {result['ratio']:.4f}{'  VOID' if result['void'] else ''}", flush=True)
    return result


def main():
    options = arguments()
    if options.offload == "nvme":
        os.makedirs(options.offload_dir, exist_ok=True)
        checkpoint = Checkpoint(options)
        try:
            results = [measure(options, batch, prompt,
                               lambda *case: generate(options, checkpoint, *case),
                               lambda: disk.rate(checkpoint.path))
                       for batch, prompt in CASES]
        finally:
            checkpoint.remove()
    else:
        results = [measure(options, batch, prompt, lambda *case: dummy(options, *case), link_rate)
                   for batch, prompt in CASES]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"options": vars(options), "results": results}, out, indent=1)
            out.write("\n")
    return 1 if any(r["void"] for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
