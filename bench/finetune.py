#!/usr/bin/env python3
"""Claim: a training step whose states lie in host memory takes 0.55 of DeepSpeed's at most, and 1.15 of its bound.

A llama of 3.015 billion parameters with drawn weights, 4 rows of 2048 tokens, clipping, checkpointing, and a device
budget of 12 GiB. The bound is T_backward + max(T_adam, T_forward), with clipping, where T_forward and T_backward are
those of transformers with all weights on the GPU, and T_adam is the update alone (bench/host_adam.py); without
clipping it is the longest of computing, copying and Adam. With --states nvme it is the bytes that a step reads and
writes over the rate of a disk that does both past the page cache, and the step may take 1.25 of it; use --seconds 500
--steps 2 there, since a step moves 72 GB. In the same run the script measures the link in both directions, the rate
of bfloat16 products, the triad of host memory, other optimizers alone, and DeepSpeed's ZeRO-3 with its states in host
memory. It needs a GPU, torch, transformers, and deepspeed unless --no-peer. Each part has a limit of time, and what
is measured is printed and saved behind each; DeepSpeed compiles its optimizer beside the parts of the GPU alone.

usage: bench/finetune.py [--strata PROGRAM] [--clip C] [--states TIER] [--steps N] [--seconds S] [--without PART]
       [--no-peer] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading

import host_adam
from runs import drawn, parts

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 3072, "intermediate_size": 8192,
    "num_hidden_layers": 28, "num_attention_heads": 24, "num_key_value_heads": 8, "vocab_size": 32000,
    "tie_word_embeddings": False, "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "hidden_act": "silu",
    "initializer_range": 0.02, "rope_theta": 10000.0, "torch_dtype": "bfloat16", "bos_token_id": 1,
    "eos_token_id": 2}
GRADIENT_BYTES = {"bfloat16": 2, "float32": 4}
MOST_OF_PEER, MOST_OF_BOUND, MOST_UNCLIPPED, MOST_OF_DISK = 0.55, 1.15, 1.2, 1.25


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="bin/strata" if os.path.exists("bin/strata") else "build/bin/strata")
    parser.add_argument("--config", help="a shape instead of the one of 3.015 billion parameters")
    parser.add_argument("--layers", type=int, help="instead of the shape's own number")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--warm", type=int, help="first steps, which do not count; 2, or 1 from disk")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: Strata and the host alone")
    parser.add_argument("--device-memory", default="12GiB")
    parser.add_argument("--host-memory", default="110GiB")
    parser.add_argument("--weights", default="pinned", help="the tier of the weights")
    parser.add_argument("--states", default="pinned", help="the tier of the optimizer's states")
    parser.add_argument("--reduce", default="bfloat16", choices=GRADIENT_BYTES, help="the gradients' dtype")
    parser.add_argument("--folder", default=".", help="a folder on the disk for what is written")
    parser.add_argument("--elements", type=int, default=128 << 20, help="of the optimizer that runs alone")
    parser.add_argument("--seconds", type=float, default=150, help="no part begins behind them")
    parser.add_argument("--without", action="append", default=[], metavar="PART", help="a part to leave out")
    parser.add_argument("--no-peer", action="store_true", help="without DeepSpeed")
    parser.add_argument("--option", action="append", default=[], help="one more word for `strata finetune`")
    parser.add_argument("--json", help="write everything here")
    options = parser.parse_args()
    if options.warm is None:
        options.warm = 1 if "nvme" in (options.states, options.weights) else 2
    if options.no_peer:
        options.without += ["build", "deepspeed"]
    if options.device == "cpu":
        options.without += ["gpu", "compute", "build", "deepspeed"]
    return options


def parameters(config):
    hidden, heads, keys = (config[key] for key in ("hidden_size", "num_attention_heads", "num_key_value_heads"))
    layer = hidden * hidden * 2 * (1 + keys / heads) + 3 * hidden * config["intermediate_size"] + 2 * hidden
    return int(config["num_hidden_layers"] * layer + 2 * config["vocab_size"] * hidden + hidden)


def flops(config, options):
    """The operations of a step: products of the forward, of the forward again, and twice as many of the backward."""
    tables = config["vocab_size"] * config["hidden_size"]  # the embedding's table is no product
    matrices = 2 * (parameters(config) - tables) * options.batch * options.tokens
    scores = 2 * options.batch * options.tokens**2 * config["hidden_size"] * config["num_hidden_layers"]  # causal
    return 4 * (matrices + scores)


def write_model(options, folder, config):
    """A folder with a tokenizer whose weights are drawn when a run begins, and its rows."""
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(config))
    drawn.write_tokenizer(model, config["vocab_size"])
    drawn.write_rows(folder / "data.jsonl", options.batch * (options.warm + options.steps), options.tokens,
                     config["vocab_size"])
    return {"parameters": parameters(config)}


def strata(options, folder, seconds):
    """The object that `finetune` prints, the median step, and the largest resident memory."""
    words = [options.strata, "finetune", "--model", folder / "model", "--init-seed", 1, "--data",
             folder / "data.jsonl", "--output", folder / "out", "--dtype", "bfloat16", "--device", options.device,
             "--device-memory", options.device_memory, "--offload", options.weights, "--offload-optimizer",
             options.states, "--offload-dir", folder, "--host-memory", options.host_memory, "--batch-size",
             options.batch, "--max-length", options.tokens, "--max-steps", options.warm + options.steps, "--lr", 1e-5,
             "--clip", options.clip, "--reduce-dtype", options.reduce, "--activation-checkpointing", "on", "--shuffle",
             "off", "--json", *options.option]
    run = parts.Run(words)
    made = json.loads(run.result(seconds))
    steps, files = made["steps"][options.warm:], made["report"]["files"]
    out = {"step_s": statistics.median(step["seconds"] for step in steps),
           "least_s": min(step["seconds"] for step in steps), "most_s": max(step["seconds"] for step in steps),
           "read_bytes": files["states"] + 2 * files["weights"],  # forward and backward fetch the weights
           "written_bytes": files["states"] + files["weights"],
           "resident_bytes": run.resident(), "run": made}
    print(f"Strata: {out['step_s']:.3f} s a step ({out['least_s']:.3f} to {out['most_s']:.3f})", flush=True)
    return out


def training_peer(name, *more):
    return [sys.executable, pathlib.Path(__file__).with_name("peers") / "training.py", name, *more]


def peer(options, name, folder, seconds, *more):
    out = parts.ran(training_peer(name, "--config", folder / "model" / "config.json", "--batch", options.batch,
                                  "--tokens", options.tokens, "--clip", options.clip, "--seconds", seconds * 0.6,
                                  *more), seconds)
    print(f"{name}: {json.dumps(out)}", flush=True)
    return out


def gpu_rates():
    from limits import gpu

    out = {"link": gpu.link_rates(), "matmul": gpu.matmul_rate()}
    print(json.dumps(out), flush=True)
    return out


def host_rates(options, seconds):
    """Seconds a parameter of the update alone, and the triad's bytes a second, with every core."""
    program = host_adam.Ours(argparse.Namespace(
        program=pathlib.Path(options.strata).with_name("bench-host-adam"), threads=len(os.sched_getaffinity(0)),
        elements=options.elements))
    end = threading.Timer(seconds, program.process.kill)
    end.start()
    try:
        took = {kind: statistics.median([program.seconds(kind) for _ in range(7)][2:])
                for kind in ("triad", f"adam {options.reduce}")}
    finally:
        end.cancel()
        program.end()
    rate = {kind: seconds / program.elements for kind, seconds in took.items()}
    out = {"adam": rate[f"adam {options.reduce}"], "triad": host_adam.BYTES["triad"] / rate["triad"]}
    print(json.dumps(out), flush=True)
    return out


def disk_rate(folder):
    from limits import disk

    out = disk.both_rate(folder)
    print(f"disk: {out / 1e9:.2f} GB/s read and written together", flush=True)
    return out


def mean(results, names):
    there = [results[name] for name in names if results.get(name)]
    return statistics.mean(there) if there else None


def bound(options, config, results):
    """The parts of the bound in seconds, as far as they were measured, and the bound."""
    count, ours, out = parameters(config), results["strata"], {}
    adam = [results[name]["adam"] for name in ("host", "host again") if results.get(name)]
    if adam:
        out["T_adam"] = count * statistics.mean(adam)
    if results.get("gpu"):
        link = results["gpu"]["link"]
        out["T_link"] = max(2 * 2 * count / link["to_device"],
                            GRADIENT_BYTES[options.reduce] * count / link["to_host"])
        out["T_products"] = flops(config, options) / results["gpu"]["matmul"]
    if results.get("compute"):
        out |= {"T_forward": results["compute"]["forward_s"], "T_backward": results["compute"]["backward_s"]}
    disk = mean(results, ("disk", "disk again"))
    if disk and ours["read_bytes"] + ours["written_bytes"] > 0:
        out["T_disk"] = (ours["read_bytes"] + ours["written_bytes"]) / disk
    if "T_disk" in out:
        out["bound"] = out["T_disk"]
        if "T_forward" in out:
            out["bound behind the backward"] = out["T_backward"] + max(out["T_disk"], out["T_forward"])
    elif options.clip and {"T_adam", "T_forward"} <= out.keys():
        out["bound"] = out["T_backward"] + max(out["T_adam"], out["T_forward"])
    elif {"T_adam", "T_forward", "T_link"} <= out.keys():
        out["bound"] = max(out["T_forward"] + out["T_backward"], out["T_link"], out["T_adam"])
    return out


def ratios(options, config, results):
    """The step over that of DeepSpeed and over the bound, and memory over its measures."""
    ours, times = results["strata"], bound(options, config, results)
    out = {"parts_s": times}
    if "bound" in times:
        out["to_bound"] = ours["step_s"] / times["bound"]
    if "bound behind the backward" in times:
        out["to_bound_behind_the_backward"] = ours["step_s"] / times["bound behind the backward"]
    if results.get("deepspeed"):
        out["to_deepspeed"] = ours["step_s"] / results["deepspeed"]["step_s"]
    out["resident_bytes_a_parameter"] = ours["resident_bytes"] / parameters(config)
    device = ours["run"].get("report", {}).get("peak", {}).get("device", {})
    if device.get("planned"):
        out["device_to_plan"] = device["bytes"] / device["planned"]
    return out


def measure(options, config, folder, measured):
    def run(name, limit, work):
        return None if name in options.without else measured.run(name, limit, work)

    def disk(name):
        if "nvme" in (options.states, options.weights):
            run(name, 60, lambda _: disk_rate(folder))

    if not measured.run("model", 60, lambda _: write_model(options, folder, config)):
        return
    long = 100 if "nvme" not in (options.states, options.weights) else 480
    builds = None if "build" in options.without else parts.Run(training_peer("build"))
    try:
        run("gpu", 30, lambda _: gpu_rates())
        run("compute", 45, lambda seconds: peer(options, "compute", folder, seconds))
        if builds:
            run("build", 80, lambda seconds: parts.object_of(builds.result(seconds)))
    finally:
        if builds:
            builds.kill()
    run("host", 30, lambda seconds: host_rates(options, seconds))
    disk("disk")
    run("strata", long, lambda seconds: strata(options, folder, seconds))
    disk("disk again")
    run("deepspeed", 90, lambda seconds: peer(options, "deepspeed", folder, seconds, "--steps", 4))
    run("host again", 20, lambda seconds: host_rates(options, seconds))
    run("adam", 40, lambda seconds: peer(options, "adam", folder, seconds, "--parameters", options.elements))


def main():
    options = arguments()
    config = json.loads(pathlib.Path(options.config).read_text()) if options.config else dict(CONFIG)
    if options.layers:
        config["num_hidden_layers"] = options.layers
    measured = parts.Parts(options.seconds, options.json, options=vars(options), parameters=parameters(config))
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="finetune-") as folder:
        measure(options, config, pathlib.Path(folder).absolute(), measured)
    if not measured.results.get("strata"):
        return 1
    found = measured.results["ratios"] = ratios(options, config, measured.results)
    measured.save()
    print(json.dumps({"parameters": parameters(config), "clip": options.clip, "ratios": found}, indent=1))
    most = MOST_OF_DISK if "T_disk" in found["parts_s"] else MOST_OF_BOUND if options.clip else MOST_UNCLIPPED
    wrong = [name for name, limit in (("to_deepspeed", MOST_OF_PEER), ("to_bound", most))
             if found.get(name, 0) > limit]
    print(*(f"{name} is too large" for name in wrong), sep="\n")
    return 1 if wrong or measured.failures else 0


if __name__ == "__main__":
    sys.exit(main())
