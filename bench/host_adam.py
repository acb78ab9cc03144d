#!/usr/bin/env python3
"""Claim: the host's AdamW updates weights at 85 percent or more of the rate at which memory streams.

The limit is the triad a = b + 3 c in float64 with stores past the caches, 24 bytes an element, with the same
threads. An update of float32 weights and moments counts 28 bytes a parameter with a bfloat16 gradient and the
bfloat16 copy, 30 with a float32 gradient, 26 without a gradient, 16 with 8-bit moments (and 8 for each block of
256). PyTorch's fused AdamW beside it (28 bytes: float32 gradient, no copy) is what the processor does with that.
All are run in alternation; the script prints medians and ratios.

usage: ./dev bench host_adam [--threads N] [--elements N] [--rounds N] [--program PROGRAM] [--json FILE]
"""
import argparse
import json
import os
import statistics
import subprocess
import time

BYTES = {"triad": 12, "adam bfloat16": 28, "adam float32": 30, "adam without a gradient": 26,
         "adam8 bfloat16": 16 + 16 / 256, "squares bfloat16": 2, "torch fused AdamW": 28}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/bin/bench-host-adam")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--elements", type=int, default=128 << 20, help="parameters")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--without-torch", action="store_true")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


class Ours:
    """The program that runs what is asked for, with its arrays in memory all the time."""

    def __init__(self, given):
        self.process = subprocess.Popen([given.program, str(given.threads), str(given.elements)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.elements = int(self.process.stdout.readline())

    def seconds(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Torch:
    def __init__(self, threads, elements):
        import torch

        torch.set_num_threads(threads)
        weight = torch.nn.Parameter(torch.ones(elements))
        weight.grad = torch.full((elements,), 1e-3)
        self.optimizer = torch.optim.AdamW([weight], lr=1e-4, weight_decay=0.01, fused=True)
        self.optimizer.step()

    def seconds(self):
        begin = time.perf_counter()
        self.optimizer.step()
        return time.perf_counter() - begin


def main():
    given = arguments()
    ours = Ours(given)
    theirs = None if given.without_torch else Torch(given.threads, ours.elements)
    kinds = [kind for kind in BYTES if theirs or not kind.startswith("torch")]
    times = {kind: [] for kind in kinds}
    for round in range(given.rounds + 1):
        for kind in kinds:
            took = theirs.seconds() if kind.startswith("torch") else ours.seconds(kind)
            if round > 0:  # the first one warms up
                times[kind].append(took)
    ours.end()
    medians = {kind: statistics.median(all) for kind, all in times.items()}
    rates = {kind: ours.elements * BYTES[kind] / took for kind, took in medians.items()}
    result = {"threads": given.threads, "elements": ours.elements, "rounds": given.rounds,
              "seconds": medians, "bytes_per_second": rates,
              "share_of_triad": {kind: rate / rates["triad"] for kind, rate in rates.items()}}
    print(json.dumps(result, indent=2))
    if given.json:
        with open(given.json, "w") as out:
            json.dump({**result, "all_seconds": times}, out)


if __name__ == "__main__":
    main()
