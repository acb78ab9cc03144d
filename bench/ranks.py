#!/usr/bin/env python3
"""Claim: ranks on the GPUs of one machine stream and train at the sum of their resources.

Each number of ranks is run in the same call as one rank, each rank with a GPU of its own:
- the shape of Llama-2-13B in bfloat16 with made-up weights, streamed from page-locked memory, batches of 1 (prompt of
  512 tokens) and 32 (prompts of 32): tokens per second against one rank's, over the rate of all links at once against
  one link's;
- the shape of Llama-3-70B, as many of its layers as the host has room for: streamed bytes per second of all ranks over
  the rate of all links at once;
- training of 3.015 billion parameters, 4 x 2048 tokens a rank, states in host memory: tokens per second against one
  rank's and against the bound T_backward + max(T_adam, T_forward), in which all ranks share the host's memory;
- the peak host memory of all ranks together against one rank's.
Before that, short runs of a tiny model check that tokens and losses are those of one rank, and that a rank that is
killed or stopped ends all within five seconds. Everything is printed and saved as it comes; a part that fails ends no
other. It needs GPUs, torch and transformers; NCCL's settings are those of the environment.

usage: bench/ranks.py [--strata PROGRAM] [--ranks N,N] [--only PART,PART] [--layers N] [--seconds S] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import threading

import finetune as training
from limits import links
from runs import drawn, parts, rank_checks

PARTS = ("checks", "13b", "70b", "training")
CASES = ((1, 512), (32, 32))
GIB = 1 << 30
WARM = 2  # first steps of training, which do not count
# The least that each number of ranks must reach, and the most memory that it may take, of one rank's.
LEAST = {2: {"tokens_to_links": 0.90, "rate_to_links": 0.85, "training_tokens": 1.5},
         4: {"tokens_to_links": 0.85, "rate_to_links": 0.80, "of_bound": 0.80}}
MOST = {2: {"pinned_bytes": 1.05, "counted_bytes": 1.05}, 4: {"pinned_bytes": 1.08, "counted_bytes": 1.08}}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="bin/strata" if os.path.exists("bin/strata") else "build/bin/strata")
    parser.add_argument("--ranks", help="numbers of ranks beside one; all GPUs alone unless it is given")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--shape", default="llama-2-13b", help="streamed and compared with one rank")
    parser.add_argument("--large", default="llama-3-70b", help="streamed by several ranks alone")
    parser.add_argument("--layers", type=int, help="of the large shape; as many as --host-memory holds")
    parser.add_argument("--train", help="a config.json instead of the shape of 3.015 billion parameters")
    parser.add_argument("--batch", type=int, default=4, help="rows of a rank in training")
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--gen-len", type=int, default=9, help="tokens; the first is prefill's")
    parser.add_argument("--loops", type=int, default=2, help="of a streamed run, the first of which warms up")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: without links and peers")
    parser.add_argument("--device-memory", default="4GiB", help="of a rank that streams")
    parser.add_argument("--training-memory", default="12GiB", help="device memory of a rank that trains")
    parser.add_argument("--host-memory", type=int, default=110, help="GiB for each GPU of the machine")
    parser.add_argument("--elements", type=int, default=128 << 20, help="of the optimizer that runs alone")
    parser.add_argument("--option", action="append", default=[], help="one more word for `strata finetune`")
    parser.add_argument("--folder", default=".", help="a folder on the disk for what is written")
    parser.add_argument("--seconds", type=float, default=560, help="no part begins behind them")
    parser.add_argument("--json", help="write everything here")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}")
    options.gpus = gpus(options)
    options.ranks = [int(number) for number in options.ranks.split(",")] if options.ranks else [options.gpus]
    if min(options.ranks) < 2 or max(options.ranks) > options.gpus:
        parser.error(f"--ranks: from 2 to {options.gpus}")
    options.tier = "pinned" if options.device == "cuda" else "cpu"
    return options


def gpus(options):
    if options.device == "cpu":
        return 8
    import torch

    return torch.cuda.device_count()


def shape(options, name):
    path = pathlib.Path(name)
    if not path.exists():
        path = pathlib.Path(options.strata).parent / "../share/strata/shapes" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def large_shape(options):
    config = shape(options, options.large)
    return config | {"num_hidden_layers": options.layers or fitting_layers(options, config)}


def fitting_layers(options, config):
    """As many layers in bfloat16 as nine tenths of the memory hold beside the tables."""
    tables = 4 * config["vocab_size"] * config["hidden_size"]
    all = 2 * training.parameters(config)
    layer = (all - tables) / config["num_hidden_layers"]
    room = 0.9 * options.host_memory * options.gpus * GIB
    return max(1, min(config["num_hidden_layers"], int((room - tables) / layer)))


def link_rates(options, rates):
    """Adds the rates of one link, and of each number of links at once, to those of earlier calls."""
    if options.device == "cpu":
        return rates
    for number in (1, *options.ranks):
        rates.setdefault(number, []).append(sum(links.rates_of(number, 2.0)))
    print("links: " + ", ".join(f"{number}: {all[-1] / 1e9:.2f} GB/s" for number, all in rates.items()), flush=True)
    return rates


def held(report, key):
    """The report's count of a memory, of all ranks together."""
    return sum(one.get("peak", {}).get(key, {}).get("bytes", 0) for one in report.get("ranks", [report]))


def stream(options, model, ranks, batch, prompt, seconds):
    words = [options.strata, "bench", "--dummy", "--model", model, "--dtype", "bfloat16", "--device", options.device,
             "--offload", options.tier, "--device-memory", options.device_memory, "--host-memory",
             f"{options.host_memory * options.gpus // ranks}GiB", "--batch-size", batch, "--prompt-len", prompt,
             "--gen-len", options.gen_len, "--loops", options.loops, "--json"]
    run = parts.Run(words + (["--ranks", ranks] if ranks > 1 else []))
    made = json.loads(run.result(seconds))
    report, loops = made["report"], made["loops"][min(1, options.loops - 1):]
    # A rank without a prompt counts the prefill as one more step.
    decodes = [one["moved"]["decode"] for one in report.get("ranks", [report])]
    moved = sum(one["counted"] / one["steps"] for one in decodes)
    step = statistics.median(loop["decode_latency_s"] / loop["moved"]["steps"] for loop in loops)
    out = {"ranks": ranks, "batch": batch, "prompt": prompt, "step_s": step, "tokens_per_s": batch / step,
           "moved_bytes_a_step": moved, "rate": moved / step, "host_bytes": held(report, "host"),
           "pinned_bytes": held(report, "pinned"), "resident_bytes": run.resident(), "run": made}
    print(f"{pathlib.Path(str(model)).stem}, {ranks} ranks, B={batch}: {out['tokens_per_s']:.2f} tokens/s, "
          f"{step * 1e3:.1f} ms a step, {out['rate'] / 1e9:.2f} GB/s; host {out['host_bytes'] / GIB:.2f} GiB, of it "
          f"{out['pinned_bytes'] / GIB:.2f} page-locked", flush=True)
    return out


def stream_all(options, measured, rates):
    """The shape that is compared with one rank, and the ratios of its tokens per second."""
    for batch, prompt in CASES:
        for ranks in (1, *options.ranks):
            measured.run(f"13b B={batch} ranks={ranks}", 120,
                         lambda seconds: stream(options, options.shape, ranks, batch, prompt, seconds))
        one = measured.results[f"13b B={batch} ranks=1"]
        for ranks in options.ranks:
            many = measured.results[f"13b B={batch} ranks={ranks}"]
            if one and many:
                compare(measured, f"13b B={batch}", ranks, one, many, rates)
    measured.run("links behind 13b", 60, lambda _: link_rates(options, rates))


def compare(measured, name, ranks, one, many, rates):
    """Tokens per second and memory of several ranks against one's."""
    faster = many["tokens_per_s"] / one["tokens_per_s"]
    ratios = {f"{name.split()[0]}_tokens": faster, "tokens_per_rank": faster / ranks}
    if rates.get(ranks):
        links_faster = statistics.median(rates[ranks]) / statistics.median(rates[1])
        ratios |= {"links": links_faster, "tokens_to_links": faster / links_faster}
    ratios |= {key: many[key] / one[key]
               for key in ("host_bytes", "counted_bytes", "pinned_bytes", "resident_bytes") if one.get(key)}
    say(measured, f"{name}, {ranks} ranks to 1", ranks, ratios)


def say(measured, name, ranks, ratios):
    """Prints ratios, and what each must be where that is said; notes those that are not."""
    least, most, words = LEAST.get(ranks, {}), MOST.get(ranks, {}), []
    for key, value in ratios.items():
        words.append(f"{key} {value:.3f}")
        if key in least or key in most:
            good = value >= least[key] if key in least else value <= most[key]
            words[-1] += f" (must be {least.get(key) or most[key]} or {'more' if key in least else 'less'})"
            if not good:
                measured.results.setdefault("missed", []).append(f"{name}: {words[-1]}")
    measured.results.setdefault("ratios", {})[name] = ratios
    measured.save()
    print(f"{name}: " + ", ".join(words), flush=True)


def stream_large(options, folder, measured, rates):
    config = large_shape(options)
    model = folder / "large.json"
    model.write_text(json.dumps(config))
    print(f"{options.large}: {config['num_hidden_layers']} layers, {2 * training.parameters(config) / GIB:.1f} GiB",
          flush=True)
    for ranks in options.ranks:
        for batch, prompt in CASES:
            name = f"70b B={batch} ranks={ranks}"
            out = measured.run(name, 200, lambda seconds: stream(options, model, ranks, batch, prompt, seconds))
            if out and rates.get(ranks):
                say(measured, name, ranks, {"rate_to_links": out["rate"] / statistics.median(rates[ranks])})
    measured.run("links behind 70b", 60, lambda _: link_rates(options, rates))


def write_training(options, folder, config, seconds):
    shape_file = folder / "train.json"
    shape_file.write_text(json.dumps(config))
    parts.Run([options.strata, "import", shape_file, "--output", folder / "model", "--init-seed", 1]).result(seconds)
    drawn.write_tokenizer(folder / "model", config["vocab_size"])
    drawn.write_rows(folder / "rows.jsonl", max(options.ranks) * options.batch * (WARM + options.steps),
                     options.tokens, config["vocab_size"])
    return {"parameters": training.parameters(config)}


def train(options, folder, ranks, seconds):
    words = [options.strata, "finetune", "--model", folder / "model", "--data", folder / "rows.jsonl", "--output",
             folder / f"out-{ranks}", "--dtype", "bfloat16", "--device", options.device, "--device-memory",
             options.training_memory, "--offload", options.tier, "--offload-optimizer", options.tier, "--host-memory",
             f"{options.host_memory * options.gpus // ranks}GiB", "--batch-size", options.batch, "--max-length",
             options.tokens, "--max-steps", WARM + options.steps, "--lr", 1e-5, "--clip", 1, "--reduce-dtype",
             "bfloat16", "--activation-checkpointing", "on", "--shuffle", "off", "--json", *options.option]
    run = parts.Run(words + (["--ranks", ranks] if ranks > 1 else []))
    made = json.loads(run.result(seconds))
    shutil.rmtree(folder / f"out-{ranks}", ignore_errors=True)
    steps = made["steps"][WARM:]
    step = statistics.median(one["seconds"] for one in steps)
    reports = made["report"].get("ranks", [made["report"]])
    tokens = ranks * options.batch * options.tokens
    out = {"ranks": ranks, "step_s": step, "tokens": tokens, "tokens_per_s": tokens / step,
           "losses": [one["loss"] for one in made["steps"]],
           "counted_bytes": sum(sum(one["host"].values()) for one in reports),
           "counted_ranks": len(reports), "resident_bytes": run.resident(), "run": made}
    print(f"training, {ranks} ranks: {out['tokens_per_s']:.0f} tokens/s, {step:.3f} s a step of {out['tokens']} "
          f"tokens; host {out['counted_bytes'] / GIB:.2f} GiB by {len(reports)} reports, resident "
          f"{out['resident_bytes'] / GIB:.2f} GiB", flush=True)
    return out


def bound(options, measured):
    """Seconds of a step of any number of ranks: computing is each rank's own, the host's memory is shared."""
    host, compute = measured.results.get("host"), measured.results.get("compute")
    if not host or not compute:
        return None
    adam = host["adam"] * measured.results["training: model"]["parameters"]
    out = compute["backward_s"] + max(adam, compute["forward_s"])
    print(f"bound of a step: T_backward {compute['backward_s']:.3f} + max(T_adam {adam:.3f}, T_forward "
          f"{compute['forward_s']:.3f}) = {out:.3f} s", flush=True)
    return out


def train_all(options, folder, measured):
    config = json.loads(pathlib.Path(options.train).read_text()) if options.train else dict(training.CONFIG)
    if not measured.run("training: model", 90, lambda seconds: write_training(options, folder, config, seconds)):
        return
    host = argparse.Namespace(strata=options.strata, elements=options.elements, reduce="bfloat16")
    peer = argparse.Namespace(batch=options.batch, tokens=options.tokens, clip=1.0)
    measured.run("host", 30, lambda seconds: training.host_rates(host, seconds))
    if options.device == "cuda":
        measured.run("compute", 60, lambda seconds: training.peer(peer, "compute", folder, seconds))
    for ranks in (1, *options.ranks):
        measured.run(f"training ranks={ranks}", 150, lambda seconds: train(options, folder, ranks, seconds))
    least, one = bound(options, measured), measured.results["training ranks=1"]
    for ranks in (1, *options.ranks):
        many = measured.results[f"training ranks={ranks}"]
        if many and one and ranks > 1:
            compare(measured, "training", ranks, one, many, {})
        if many and least:
            say(measured, f"training, {ranks} ranks to the bound", ranks,
                {"of_bound": many["tokens_per_s"] * least / (ranks * options.batch * options.tokens)})


def touch(options):
    """Takes memory once, since a virtual machine may be given its memory only when it is used."""
    import numpy

    before = available()
    wanted = 70 * GIB
    if "70b" in options.only:
        wanted = max(wanted, 2 * training.parameters(large_shape(options)) + 12 * GIB)

    def fill(bytes):
        numpy.empty(bytes, dtype=numpy.uint8)[::4096] = 1

    if before < wanted and options.device == "cuda":
        threads = [threading.Thread(target=fill, args=(wanted // 8,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"free memory: {before / GIB:.0f} GiB, then {available() / GIB:.0f} GiB", flush=True)
    return {"before": before, "after": available()}


def available():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def main():
    options = arguments()
    measured = parts.Parts(options.seconds, options.json, options=vars(options))
    rates = {}
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="ranks-") as name:
        folder = pathlib.Path(name).absolute()
        if "checks" in options.only:
            rank_checks.check(options.strata, options.device, max(options.ranks), folder, measured)
        if set(options.only) - {"checks"}:
            measured.run("memory", 90, lambda _: touch(options))
        if {"13b", "70b"} & set(options.only):
            measured.run("links", 60, lambda _: link_rates(options, rates))
        if "13b" in options.only:
            stream_all(options, measured, rates)
        if "training" in options.only:
            train_all(options, folder, measured)
        if "70b" in options.only:
            stream_large(options, folder, measured, rates)
    failed = [name for name, one in measured.results.get("checks", {}).items() if not one["passed"]]
    failed += [*measured.failures, *measured.results.get("missed", [])]
    print(*(f"failed: {name}" for name in failed), sep="\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
