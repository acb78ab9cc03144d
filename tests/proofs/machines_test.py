"""Two machines of two ranks each have the tokens of a single process, and train as it does, over a fast link and
over a slow one; and a link that is cut ends all four ranks, each machine with a line about the other. The machines are network
namespaces, whose host names lead nowhere. Status 77 where the system refuses them.

usage: machines_test.py STRATA
"""

import contextlib
import json
import pathlib
import re
import signal
import sys
import tempfile
import time

import safetensors.torch

import tiny
from machines import LINK, Machines, Refused
from ranked import CUT, generate

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
import finetune_data as data  # noqa: E402

SECONDS = 240  # limit for the ranks, on a loaded machine
# Limit for their end after a cut: far below that of a connection (30 s), and above the 5 s that the ranks
# promise, for a loaded machine.
END = 20
PORT = 29500  # of machines that are the test's own
RATE = "50mbit"
SKIPPED = 77
LONG = 50000  # tokens that nobody waits for
STEPS, MICRO_BATCHES = 6, 8  # of training; the micro-batches of a step, of all ranks together
LOSS, NORM, WEIGHT = 1e-5, 1e-4, 1e-5  # how far from a single process; the first two are relative


def start(machines, words, **environment):
    """Ranks 0 and 1 on the first machine, 2 and 3 on the second, as torchrun starts them."""
    common = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": machines.addresses[0],
              "MASTER_PORT": str(PORT), "OMP_NUM_THREADS": "1", **environment}
    return [machines.start(rank // 2, words, {**common, "RANK": str(rank), "LOCAL_RANK": str(rank % 2)})
            for rank in range(4)]


def answer(machines, words, **environment):
    """The object that rank 0 prints, once all four ranks have ended well."""
    before = [machines.sent(machine) for machine in range(2)]
    ranks = start(machines, words, **environment)
    said = [one.communicate(timeout=SECONDS) for one in ranks]
    tiny.expect([one.returncode for one in ranks] == [0] * 4,
                f"{words}: {[(one.returncode, words) for one, words in zip(ranks, said)]}")
    moved = [machines.sent(machine) - one for machine, one in enumerate(before)]
    print(f"{words[1]} {pathlib.Path(words[3]).name}: the machines sent {moved} bytes")
    return json.loads(said[0][0]), min(moved)


def same_tokens(machines, words, expected, **environment):
    """Rank 0 has everybody's tokens."""
    out, moved = answer(machines, words, **environment)
    tiny.expect(out["output_ids"] == expected, f"{words}: {out['output_ids']}, not {expected}")
    tiny.expect(moved > 1 << 20, f"{words}: a machine sent {moved} bytes")


def training(program, folder, output, ranks):
    """The words that train with as many micro-batches in each step on any number of ranks."""
    words = [program, "finetune", "--model", folder, "--data", folder / "rows.jsonl", "--output", output, "--dtype",
             "float32", "--device", "cpu", "--threads", "1", "--batch-size", 1, "--gradient-accumulation-steps",
             MICRO_BATCHES // ranks, "--max-steps", STEPS, "--lr", 1e-4, "--warmup", 2, "--clip", 1, "--shuffle",
             "off", "--json"]
    return [*words, *(CUT if ranks > 1 else ())]


def write_rows(folder):
    data.write_tokenizer(folder, 509)
    lengths = data.some_lengths(2, STEPS * MICRO_BATCHES)
    data.write_texts(folder / "rows.jsonl", data.texts(4, 509, lengths), 509)


def same_training(machines, program, folder, alone, **environment):
    """The losses, norms and weights of the single process, but for rounding."""
    with tempfile.TemporaryDirectory(dir=folder) as output:
        made, moved = answer(machines, training(program, folder, pathlib.Path(output) / "out", 4), **environment)
        tiny.expect(moved > 1 << 16, f"training: a machine sent {moved} bytes")
        tiny.expect(len(made["steps"]) == STEPS == len(alone["steps"]), f"steps: {made['steps']}")
        for got, want in zip(made["steps"], alone["steps"]):
            for key, relative in (("scored", 0), ("loss", LOSS), ("grad_norm", NORM)):
                tiny.expect(abs(got[key] - want[key]) <= relative * want[key],
                            f"step {want['step']}: {key} {got[key]}, alone {want[key]}")
        files = [safetensors.torch.load_file(pathlib.Path(one["output"], "model.safetensors")) for one in (made, alone)]
        tiny.expect(files[0].keys() == files[1].keys(), f"tensors: {files[0].keys() ^ files[1].keys()}")
        for name, want in files[1].items():
            off = float((files[0][name] - want).abs().max())
            tiny.expect(off <= WEIGHT, f"{name} is {off} off")


def cut(machines, words):
    """The link goes down in the midst of it; neither side gets a word from the other any more."""
    begun = machines.sent(1)
    ranks = start(machines, words)
    limit = time.monotonic() + SECONDS
    while machines.sent(1) - begun < 4 << 20:  # tens of passes
        ended = [one.communicate() for one in ranks if one.poll() is not None]
        tiny.expect(not ended and time.monotonic() < limit, f"it did not get so far: {ended}")
        time.sleep(0.1)
    machines.cut(1)
    at = time.monotonic()
    said, after = [], []
    for one in ranks:
        said.append(one.communicate(timeout=max(at + END - time.monotonic(), 0.1))[1])
        after.append(round(time.monotonic() - at, 1))
    tiny.expect([one.returncode for one in ranks] == [1] * 4,
                f"{[(one.returncode, words) for one, words in zip(ranks, said)]}")
    lines = [[line for line in text.splitlines() if line.startswith("error: ")] for text in said]
    here, there = sum(lines[:2], []), sum(lines[2:], [])
    for found, pattern in ((here, r"error: rank [23]: .+: look at what it said"),
                           (there, r"error: rank 0: .+: look at what it said")):
        tiny.expect(len(found) == 1 and re.fullmatch(pattern, found[0]), f"{lines}, not {pattern}")
        print(found[0])
    print(f"ended {after} s after the cut")


def check(program, folder, machines):
    runs = []
    for name, made, sizes, more in (
            ("llama", tiny.llama, {"max_position_embeddings": LONG + 20}, ["--offload", "nvme"]),
            ("mixtral", tiny.mixtral, {}, ["--offload", "cpu", "--device-memory", "1000KB"])):
        model = tiny.save(folder / name, made=made, **sizes)
        prompts = [tiny.prompt(14 - rank, 509, seed=rank) for rank in range(4)]
        expected = [tiny.greedy(model, prompt, 12) for prompt in prompts]
        runs.append((generate(program, folder / name, prompts, 12, *more, *CUT), expected))
    trained = []
    for name in ("llama", "mixtral"):
        write_rows(folder / name)
        trained.append((folder / name, tiny.result(*training(program, folder / name, folder / f"{name} alone", 1))))
    for words, expected in runs:
        same_tokens(machines, words, expected)
    for model, alone in trained:
        same_training(machines, program, model, alone)
    machines.slow_down(RATE)
    for words, expected in runs:
        same_tokens(machines, words, expected, GLOO_SOCKET_IFNAME=LINK)
    same_training(machines, program, *trained[0], GLOO_SOCKET_IFNAME=LINK)
    held_back = [machines.held_back(machine) for machine in range(2)]
    tiny.expect(min(held_back) > 0, f"the link was not slow: {held_back}")
    machines.speed_up()
    cut(machines, generate(program, folder / "llama", prompts, LONG, "--offload", "nvme", *CUT))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    program = sys.argv[1]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=pathlib.Path(program).parent))
        try:
            machines = stack.enter_context(Machines())
            machines.slow_down(RATE)
            machines.speed_up()
        except Refused as e:
            print(f"skipped: {e}")
            sys.exit(SKIPPED)
        check(program, pathlib.Path(folder), machines)


main()
