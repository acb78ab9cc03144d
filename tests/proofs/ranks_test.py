"""Two processes over Gloo read half of the file each and have the single process's tokens; where one
ends, the other ends within seconds. Four that are given other prompts each choose experts of their
own and have transformers' tokens.

usage: ranks_test.py PROGRAM [MODEL.gguf]
"""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

from transformers import MixtralConfig, MixtralForCausalLM

import tiny

SECONDS = 120  # limit for the ranks, on a loaded machine
CODE = 32 << 20  # bytes of the program and its libraries that a start may read


def mixtral():
    common = {key: value for key, value in tiny.DEFAULTS.items() if not key.endswith("_bias")}
    return MixtralForCausalLM(MixtralConfig(**common, num_local_experts=8, num_experts_per_tok=2))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(program, rank, ranks, port, options):
    place = {"RANK": str(rank), "WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1",
             "MASTER_PORT": str(port)}
    return subprocess.Popen([program, "--", *options], env={**os.environ, **place},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def together(program, options):
    """The output of each rank; `options` has one list for each rank."""
    port = free_port()
    ranks = [start(program, rank, len(options), port, own) for rank, own in enumerate(options)]
    said = [one.communicate(timeout=SECONDS) for one in ranks]
    for one, (out, words) in zip(ranks, said):
        tiny.expect(one.returncode == 0, f"status {one.returncode}\n{out}{words}")
    return [tiny.json.loads(out) for out, _ in said]


def check(program, model, file, prompts, tokens, expected=None):
    options = ["--model", str(model), "--device", "cpu", "--offload", "nvme", "--threads", "1",
               "--max-new-tokens", str(tokens), "--ignore-eos"]
    for prompt in prompts:
        options += ["--input-ids", tiny.ids(prompt)]
    alone = tiny.result(program, "--", *options)
    tiny.expect(expected in (None, alone["tokens"]), f"alone: {alone['tokens']}, not {expected}")
    half = file.stat().st_size / 2
    for rank, said in enumerate(together(program, [options] * 2)):
        tiny.expect(said["tokens"] == alone["tokens"],
                    f"rank {rank}: {said['tokens']}, alone {alone['tokens']}")
        tiny.expect(said["step"] <= 1.01 * half, f"rank {rank}: {said['step']} bytes, half {half}")
        tiny.expect(said["step"] == said["planned_step"],
                    f"rank {rank}: {said['step']} bytes, planned {said['planned_step']}")
        # The kernel counts pages of the program and of its libraries, too, that are not in memory any more.
        tiny.expect(0.99 * said["all"] <= said["kernel"] <= 1.01 * said["all"] + CODE,
                    f"rank {rank}: {said['all']} bytes, by the kernel {said['kernel']}")
        print(f"{file.name} rank {rank}: {said['step'] / half:.4f} of half, alone "
              f"{alone['step'] / half / 2:.4f} of all; kernel {said['kernel']}, all {said['all']}")
    return options


def lost_peer(program, options):
    """Kills the other rank while both generate practically for ever."""
    options = options[:]
    options[options.index("--max-new-tokens") + 1] = "100"
    port = free_port()
    stays, goes = (start(program, rank, 2, port, options) for rank in range(2))
    wait_for_reads(goes)
    goes.kill()
    goes.communicate()
    out, words = stays.communicate(timeout=15)
    tiny.expect(stays.returncode == 1, f"status {stays.returncode} beside a dead rank\n{out}{words}")
    lines = words.strip().splitlines()
    tiny.expect(re.match("error: rank 1: it gave no heartbeat for 3 s", lines[-1]), words)
    print(lines[-1])


def wait_for_reads(process):
    """Waits until the rank streams: its threads have read from the file."""
    while process.poll() is None:
        for line in pathlib.Path(f"/proc/{process.pid}/io").read_text().splitlines():
            if line.startswith("read_bytes:") and int(line.split()[1]) > 200 << 20:
                return
    sys.exit(f"error: it ended before it streamed\n{process.communicate()}")


def experts(program, folder):
    """Runs that stream from memory and from the file, with slots for few experts and for many."""
    model = tiny.save(folder, made=mixtral)
    prompts = [tiny.prompt(14, 509, seed=rank) for rank in range(4)]
    expected = [tiny.greedy(model, prompt, 12) for prompt in prompts]
    for more in (["--offload", "cpu"], ["--offload", "nvme"],
                 ["--offload", "cpu", "--device-memory", "1000KB"]):
        options = [["--model", str(folder), "--device", "cpu", "--threads", "1", "--ignore-eos",
                    "--max-new-tokens", "12", "--input-ids", tiny.ids(prompt), *more]
                   for prompt in prompts]
        for rank, said in enumerate(together(program, options)):
            tiny.expect(said["tokens"] == [expected[rank]],
                        f"{more} rank {rank}: {said['tokens']}, not {expected[rank]}")
            tiny.expect(said["step"] == said["planned_step"], f"{more} rank {rank}: {said}")
            print(f"{' '.join(more)} rank {rank}: {said['all']} bytes")


def main():
    program, *ggufs = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=pathlib.Path(program).parent) as temporary:
        folder = pathlib.Path(temporary)
        model = tiny.save(folder, hidden_size=768, intermediate_size=2048, head_dim=64,
                          num_attention_heads=12, num_key_value_heads=6, vocab_size=3000,
                          attention_bias=False, mlp_bias=False)
        prompts = [tiny.prompt(length, 3000, seed=length) for length in (9, 17)]
        expected = [tiny.greedy(model, prompt, 6) for prompt in prompts]
        options = check(program, folder, folder / "model.safetensors", prompts, 6, expected)
        lost_peer(program, options)
    with tempfile.TemporaryDirectory(dir=pathlib.Path(program).parent) as temporary:
        experts(program, pathlib.Path(temporary))
    for gguf in map(pathlib.Path, ggufs):
        check(program, gguf, gguf, [[1, 4093, 198, 2, 198, 1, 1520, 198]], 8)


main()
