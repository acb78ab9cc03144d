#!/usr/bin/env python3
"""Claim: a mixture layer fetches only the experts that the router chose and that are not in a slot yet.

The shape of Mixtral-8x7B with made-up bfloat16 weights in page-locked memory, on one GPU: once with room
for few experts, while other units stream as well, and once with room for all other units and some
experts. The script compares the fetched bytes, as the copies count them, with the number of experts that
the layers' routers chose in each pass (each once, less those that were in a slot) times the bytes of an
expert of this shape. If nothing else streams, all moved bytes are compared as well. A ratio that is off
by 5 % ends the script with status 1.

usage: bench/experts.py [--strata PROGRAM] [--model SHAPE] [--room SIZE ...] [--json FILE]
"""
import argparse
import json
import os
import subprocess
import sys

CASES = ((1, 32), (4, 8))
NEAR = 0.05


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="bin/strata" if os.path.exists("bin/strata") else "build/bin/strata")
    parser.add_argument("--model", default="mixtral-8x7b", help="a shape's name, or a config.json")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--offload", default="pinned")
    parser.add_argument("--room", nargs="+", default=["3GiB", "12GiB"], help="device memory of each run")
    parser.add_argument("--host-memory", default="110GiB")
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float16", "float32"))
    parser.add_argument("--gen-len", type=int, default=17, help="tokens; the first is prefill's")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def shape(options):
    path = options.model
    if not os.path.exists(path):
        shapes = os.path.join(os.path.dirname(options.strata), "../share/strata/shapes")
        path = os.path.join(shapes, options.model + ".json")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def run(options, room, batch, prompt):
    words = [options.strata, "bench", "--dummy", "--model", options.model, "--dtype", options.dtype,
             "--device", options.device, "--offload", options.offload, "--device-memory", room,
             "--host-memory", options.host_memory, "--batch-size", str(batch),
             "--prompt-len", str(prompt), "--gen-len", str(options.gen_len), "--loops", "1", "--json"]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}\nexit status {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(options, room, batch, prompt, config):
    out = run(options, room, batch, prompt)
    report, experts = out["report"], out["report"]["experts"]
    # An expert has three matrices; weights begin at multiples of 256 bytes, as the sizes of these shapes do.
    each = 3 * config["hidden_size"] * config["intermediate_size"] * (4 if options.dtype == "float32" else 2)
    missed = experts["needed"] - experts["hits"]
    moved = sum(report["moved"][part]["counted"] for part in ("prefill", "decode"))
    others = moved - experts["fetched_bytes"]
    most = config["num_hidden_layers"] * config["num_local_experts"] * options.gen_len
    steps = report["moved"]["decode"]["steps"]
    step_s = report["decode_s"] / steps
    result = {"room": room, "batch": batch, "prompt": prompt, "expert_bytes": each,
              "chosen": experts["needed"], "there": experts["hits"], "of_all": experts["needed"] / most,
              "fetched_bytes": experts["fetched_bytes"], "other_bytes": others, "moved_bytes": moved,
              "ratio": experts["fetched_bytes"] / (missed * each),
              "ratio_of_chosen": experts["fetched_bytes"] / (experts["needed"] * each),
              "slots": experts["slots"], "step_s": step_s,
              "rate": report["moved"]["decode"]["counted"] / steps / step_s, "run": out}
    print(f"{options.offload} {room} B={batch} prompt {prompt}: chosen {experts['needed']} "
          f"({result['of_all']:.2f} of all), there {experts['hits']} in {experts['slots']} slots; fetched "
          f"{experts['fetched_bytes'] / 1e9:.3f} GB, {result['ratio']:.4f} of what was not there, "
          f"{result['ratio_of_chosen']:.4f} of what was chosen; {others / 1e9:.3f} GB of other units; "
          f"{step_s * 1e3:.1f} ms a step, {result['rate'] / 1e9:.2f} GB/s", flush=True)
    return result


def main():
    options = arguments()
    config = shape(options)
    results = [measure(options, room, *case, config)
               for room, case in zip(options.room, CASES * len(options.room))]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"options": vars(options), "results": results}, out, indent=1)
            out.write("\n")
    far = [r for r in results if abs(r["ratio"] - 1) > NEAR or r["ratio_of_chosen"] > 1 + NEAR]
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
