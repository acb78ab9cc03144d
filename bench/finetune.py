#!/usr/bin/env python3
"""Claim: a training step whose states lie in host memory takes 0.55 of DeepSpeed's at most, and 1.15 of its bound.

A llama of 3.015 billion parameters with drawn weights, 4 rows of 2048 tokens, clipping, checkpointing, and a device
budget of 12 GiB. The bound is T_backward + max(T_adam, T_forward), with clipping, where T_forward and T_backward are
those of transformers with all weights on the GPU, and T_adam is the update alone (bench/host_adam.py); without
clipping it is the longest of computing, copying and Adam. In the same run the script measures the link in both
directions, the rate of bfloat16 products, the triad of host memory, other optimizers alone, and DeepSpeed's ZeRO-3
with its states in host memory. It needs a GPU, torch, transformers, and deepspeed unless --no-peer.

usage: bench/finetune.py [--strata PROGRAM] [--clip C] [--states TIER] [--steps N] [--no-peer] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile

import host_adam
from limits import gpu

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 3072, "intermediate_size": 8192,
    "num_hidden_layers": 28, "num_attention_heads": 24, "num_key_value_heads": 8, "vocab_size": 32000,
    "tie_word_embeddings": False, "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "hidden_act": "silu",
    "initializer_range": 0.02, "rope_theta": 10000.0, "torch_dtype": "bfloat16", "bos_token_id": 1,
    "eos_token_id": 2}
EOS = 2
GRADIENT_BYTES = {"bfloat16": 2, "float32": 4}
WARM = 3  # first steps, which do not count
MOST_OF_PEER, MOST_OF_BOUND, MOST_UNCLIPPED = 0.55, 1.15, 1.2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="bin/strata" if os.path.exists("bin/strata") else "build/bin/strata")
    parser.add_argument("--layers", type=int, default=CONFIG["num_hidden_layers"])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--device-memory", default="12GiB")
    parser.add_argument("--weights", default="pinned", help="the tier of the weights")
    parser.add_argument("--states", default="pinned", help="the tier of the optimizer's states")
    parser.add_argument("--reduce", default="bfloat16", choices=GRADIENT_BYTES, help="the gradients' dtype")
    parser.add_argument("--folder", default=None, help="a folder on the disk for what is written")
    parser.add_argument("--no-peer", action="store_true", help="without DeepSpeed")
    parser.add_argument("--option", action="append", default=[], help="one more word for `strata finetune`")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def parameters(config):
    hidden, heads, keys = (config[key] for key in ("hidden_size", "num_attention_heads", "num_key_value_heads"))
    layer = hidden * hidden * 2 * (1 + keys / heads) + 3 * hidden * config["intermediate_size"] + 2 * hidden
    return int(config["num_hidden_layers"] * layer + 2 * config["vocab_size"] * hidden + hidden)


def flops(config, options):
    """Of one step: products of the forward, of the forward that is run again, and twice as many of the backward."""
    tables = config["vocab_size"] * config["hidden_size"]  # the embedding's table is no product
    matrices = 2 * (parameters(config) - tables) * options.batch * options.tokens
    scores = 2 * options.batch * options.tokens**2 * config["hidden_size"] * config["num_hidden_layers"]  # causal
    return 4 * (matrices + scores)


def write_model(options, folder, config):
    """A folder with drawn weights and a tokenizer whose words w3, w4, ... are the tokens."""
    shape = folder.with_suffix(".json")
    shape.write_text(json.dumps(config))
    subprocess.run([options.strata, "import", shape, "--output", folder, "--init-seed", "1"], check=True,
                   stdout=subprocess.DEVNULL)
    words = {f"w{at}": at for at in range(config["vocab_size"])}
    words["</s>"] = words.pop(f"w{EOS}")
    end = {"id": EOS, "content": "</s>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
           "special": True}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "w0"}}))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"}))


def write_data(file, config, options):
    """Rows of exactly as many tokens as wanted, the last of which ends the text."""
    draw = random.Random(3)
    with open(file, "w", encoding="utf-8") as out:
        for _ in range(options.batch * (WARM + options.steps)):
            ids = (draw.randrange(3, config["vocab_size"]) for _ in range(options.tokens - 1))
            out.write(json.dumps({"text": " ".join(f"w{one}" for one in ids)}) + "\n")


def strata(options, model, data, folder):
    """The object that `finetune` prints, the median step, and the largest resident memory."""
    words = [options.strata, "finetune", "--model", model, "--data", data, "--output", folder / "out",
             "--dtype", "bfloat16", "--device", "cuda", "--device-memory", options.device_memory,
             "--offload", options.weights, "--offload-optimizer", options.states, "--offload-dir", folder,
             "--host-memory", "110GiB", "--batch-size", options.batch, "--max-length",
             options.tokens, "--max-steps", WARM + options.steps, "--lr", 1e-5, "--clip", options.clip,
             "--reduce-dtype", options.reduce, "--activation-checkpointing", "on", "--shuffle", "off", "--json",
             *options.option]
    done = subprocess.run([*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\nexit status {done.returncode}: {done.stderr.strip()[-2000:]}")
    made = json.loads(done.stdout)
    seconds = [step["seconds"] for step in made["steps"][WARM:]]
    return {"step_s": statistics.median(seconds), "least_s": min(seconds), "most_s": max(seconds),
            "resident_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, "run": made}


def peer(options, name, model, *more):
    words = [sys.executable, pathlib.Path(__file__).with_name("peers") / "training.py", name, "--config",
             model / "config.json", "--batch", options.batch, "--tokens", options.tokens, "--clip", options.clip,
             *more]
    done = subprocess.run([*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        print(f"{name}: exit status {done.returncode}: {done.stderr.strip()[-1500:]}", flush=True)
        return None
    return json.loads(lines[-1])


def host_rates(options):
    """Seconds a parameter of the update alone, and the triad's bytes a second, with every core."""
    program = host_adam.Ours(argparse.Namespace(
        program=pathlib.Path(options.strata).with_name("bench-host-adam"), threads=len(os.sched_getaffinity(0)),
        elements=256 << 20))
    seconds = {kind: statistics.median([program.seconds(kind) for _ in range(9)][2:])
               for kind in ("triad", f"adam {options.reduce}")}
    program.end()
    rate = {kind: took / program.elements for kind, took in seconds.items()}
    return {"adam": rate[f"adam {options.reduce}"], "triad": host_adam.BYTES["triad"] / rate["triad"]}


def ratios(options, config, result):
    """The step over that of DeepSpeed and over the bound; the bound's parts."""
    count, ours, out = parameters(config), result["strata"]["step_s"], {}
    adam_s = count * statistics.mean(part["adam"] for part in result["host"])
    link_s = max(2 * 2 * count / result["link"]["to_device"],
                 GRADIENT_BYTES[options.reduce] * count / result["link"]["to_host"])
    out["parts"] = {"adam_s": adam_s, "link_s": link_s, "products_s": flops(config, options) / result["matmul"]}
    if result["compute"]:
        forward, backward = result["compute"]["forward_s"], result["compute"]["backward_s"]
        bound = backward + max(adam_s, forward) if options.clip else max(forward + backward, link_s, adam_s)
        out |= {"bound_s": bound, "to_bound": ours / bound}
    if result["deepspeed"]:
        out["to_deepspeed"] = ours / result["deepspeed"]["step_s"]
    out["resident_bytes_a_parameter"] = result["strata"]["resident_bytes"] / count
    device = result["strata"]["run"].get("report", {}).get("peak", {}).get("device", {})
    if device.get("planned"):
        out["device_to_plan"] = device["bytes"] / device["planned"]
    return out


def measured(options, config, folder):
    model = folder / "model"
    write_model(options, model, config)
    write_data(folder / "data.jsonl", config, options)
    rates = {"link": gpu.link_rates(), "matmul": gpu.matmul_rate(), "host": [host_rates(options)]}
    print(json.dumps(rates), flush=True)
    result = rates | {"strata": strata(options, model, folder / "data.jsonl", folder)}
    print(f"Strata: {result['strata']['step_s']:.3f} s a step", flush=True)
    result["deepspeed"] = None if options.no_peer else peer(options, "deepspeed", model)
    result["compute"] = peer(options, "compute", model)
    result["adam"] = peer(options, "adam", model)
    result["host"].append(host_rates(options))
    return result | {"ratios": ratios(options, config, result)}


def main():
    options = arguments()
    config = CONFIG | {"num_hidden_layers": options.layers}
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="finetune-") as folder:
        result = measured(options, config, pathlib.Path(folder))
    shown = {key: result[key] for key in result if key != "strata"}
    shown["strata"] = {key: result["strata"][key] for key in result["strata"] if key != "run"}
    print(json.dumps({"parameters": parameters(config), "clip": options.clip, **shown}, indent=1))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"options": vars(options), "parameters": parameters(config), "result": result}, out, indent=1)
            out.write("\n")
    most = MOST_OF_BOUND if options.clip else MOST_UNCLIPPED
    wrong = [name for name, limit in (("to_deepspeed", MOST_OF_PEER), ("to_bound", most))
             if result["ratios"].get(name, 0) > limit]
    print(*(f"{name} is too large" for name in wrong), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
