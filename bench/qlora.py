#!/usr/bin/env python3
"""Claim: QLoRA of a model of 13 billion weights in 12 GiB of device memory is no slower than bitsandbytes.

A GGUF file with the shape of Llama-2-13B and random Q4_0 blocks, adapters of rank 16 on all linear layers but the
head, bfloat16, checkpointing. Beside it, in the same run and with the same tokens, transformers with peft over
matrices in nf4 of bitsandbytes, all on the device, without a limit of its memory. The script prints both peaks of
device memory and the ratio of tokens per second. It needs a GPU, torch, transformers, gguf, and for the peer peft
and bitsandbytes. Everything is printed and saved as it comes; a part that fails ends no other.

usage: bench/qlora.py [--strata PROGRAM] [--batch N --tokens N] [--steps N] [--seconds S] [--no-peer] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

from runs import drawn, parts

WARM = 2  # first steps, which do not count
MUST = 1.0
GIB = 1 << 30


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="bin/strata" if os.path.exists("bin/strata") else "build/bin/strata")
    parser.add_argument("--shape", default="llama-2-13b", help="a shape's name, or a config.json")
    parser.add_argument("--layers", type=int, help="instead of the shape's own number")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--device-memory", default="12GiB")
    parser.add_argument("--offload", default="pinned")
    parser.add_argument("--host-memory", default="64GiB")
    parser.add_argument("--folder", default=".", help="a folder on the disk for the model")
    parser.add_argument("--seconds", type=float, default=150, help="no part begins behind them")
    parser.add_argument("--option", action="append", default=[], help="one more word for `strata finetune`")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def shape(options):
    path = pathlib.Path(options.shape)
    if not path.exists():
        path = pathlib.Path(options.strata).parent / "../share/strata/shapes" / f"{options.shape}.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    return config | ({"num_hidden_layers": options.layers} if options.layers else {})


def write(options, folder, config):
    drawn.write_gguf(folder / "model.gguf", config)
    drawn.write_letters(folder / "rows.jsonl", options.batch * (WARM + options.steps), options.tokens)
    (folder / "config.json").write_text(json.dumps(config))
    return {"bytes": (folder / "model.gguf").stat().st_size}


def strata(options, folder, seconds):
    words = [options.strata, "finetune", "--model", folder / "model.gguf", "--data", folder / "rows.jsonl",
             "--output", folder / "adapter", "--lora", options.rank, "--dtype", "bfloat16", "--device", options.device,
             "--device-memory", options.device_memory, "--offload", options.offload, "--host-memory",
             options.host_memory, "--batch-size", options.batch, "--max-length", options.tokens, "--max-steps",
             WARM + options.steps, "--lr", 2e-4, "--clip", 1, "--activation-checkpointing", "on", "--shuffle", "off",
             "--json", *options.option]
    run = parts.Run(words)
    made = json.loads(run.result(seconds))
    steps = made["steps"][WARM:]
    step = statistics.median(one["seconds"] for one in steps)
    out = {"step_s": step, "least_s": min(one["seconds"] for one in steps),
           "tokens_per_s": options.batch * options.tokens / step, "tokens": steps[0]["tokens"],
           "peak_bytes": made["report"]["peak"]["device"]["bytes"],
           "planned_bytes": made["report"]["peak"]["device"]["planned"], "host_bytes": run.resident(),
           "moved_to_device_a_step": statistics.median(one["moved_to_device"] for one in steps), "run": made}
    print(f"Strata: {out['tokens_per_s']:.1f} tokens/s, {step:.3f} s a step of {out['tokens']} tokens, device "
          f"{out['peak_bytes'] / GIB:.2f} GiB of {options.device_memory} (planned {out['planned_bytes'] / GIB:.2f}), "
          f"host {out['host_bytes'] / GIB:.1f} GiB, {out['moved_to_device_a_step'] / 1e9:.2f} GB to the device a step",
          flush=True)
    return out


def peer(options, folder, seconds):
    out = parts.ran([sys.executable, pathlib.Path(__file__).with_name("peers") / "qlora.py", "--config",
                     folder / "config.json", "--rank", options.rank, "--batch", options.batch, "--tokens",
                     options.tokens, "--steps", options.steps, "--seconds", max(10, seconds - 30), "--device",
                     options.device], seconds)
    print(f"bitsandbytes: {out['tokens_per_s']:.1f} tokens/s, {out['step_s']:.3f} s a step, device "
          f"{out.get('peak_bytes', 0) / GIB:.2f} GiB in tensors, {out.get('reserved_bytes', 0) / GIB:.2f} GiB "
          f"reserved", flush=True)
    return out


def main():
    options = arguments()
    config = shape(options)
    measured = parts.Parts(options.seconds, options.json, options=vars(options))
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="qlora-") as name:
        folder = pathlib.Path(name).absolute()
        if not measured.run("model", 60, lambda _: write(options, folder, config)):
            return 1
        ours = measured.run("strata", 90, lambda seconds: strata(options, folder, seconds))
        theirs = None if options.no_peer else measured.run("bitsandbytes", 90,
                                                           lambda seconds: peer(options, folder, seconds))
    if not ours or not theirs:
        return 1
    ratio = ours["tokens_per_s"] / theirs["tokens_per_s"]
    measured.results["ratio"] = ratio
    measured.save()
    print(f"tokens/s, Strata to bitsandbytes: {ratio:.3f} (must be {MUST} or more)", flush=True)
    return 0 if ratio >= MUST else 1


if __name__ == "__main__":
    sys.exit(main())
