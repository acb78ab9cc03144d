#!/usr/bin/env python3
"""Claim: on the CPU, a product of one token with packed weights takes as long as a plain read of their bytes.

The weights are GGUF's blocks, more bytes than the caches hold; the read sums the same bytes with the same threads.
All are run in alternation; the script prints medians: the packed bytes a second, their share of the read's rate,
and, for several tokens, multiplications and additions a second. `fast` rounds activations to 8 bits where the
processor has instructions for that, and is `exact` elsewhere. With --llama, an interpreter that has the package
xllamacpp, llama.cpp's products with the same shapes stand beside ours.

usage: ./dev bench packed_linear [--threads N] [--bytes N] [--tokens N,...] [--blocks NAME,...] [--columns N]
                                 [--rounds N] [--llama PYTHON] [--program PROGRAM] [--json FILE]
"""
import argparse
import json
import os
import statistics
import subprocess

BLOCKS = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")
SIZES = {"Q4_0": (18, 32), "Q4_1": (20, 32), "Q5_0": (22, 32), "Q5_1": (24, 32), "Q8_0": (34, 32),
         "Q2_K": (84, 256), "Q3_K": (110, 256), "Q4_K": (144, 256), "Q5_K": (176, 256), "Q6_K": (210, 256)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/bin/bench-packed-linear")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--bytes", type=int, default=1 << 30, help="of the weight")
    parser.add_argument("--tokens", default="1,4", help="comma separated")
    parser.add_argument("--blocks", default=",".join(BLOCKS))
    parser.add_argument("--columns", type=int, default=5120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--llama", help="an interpreter that has xllamacpp")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


class Ours:
    """The program that runs what is asked for, with its weight in memory all the time."""

    def __init__(self, given):
        self.process = subprocess.Popen([given.program, str(given.threads), str(given.bytes)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.fast = self.process.stdout.readline().strip() == "fast"

    def run(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        seconds, size = self.process.stdout.readline().split()
        return float(seconds), int(size)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def llama(given):
    """llama.cpp's results: the faster of its orders of the weights for each case."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", "ggml_products.py")
    words = [word for name in ("bytes", "columns", "threads", "rounds", "tokens", "blocks")
             for word in (f"--{name}", str(getattr(given, name)))]
    out = subprocess.run([given.llama, script, *words], stdout=subprocess.PIPE, check=True, text=True).stdout
    best = {}
    for result in map(json.loads, out.splitlines()):
        case = result["block"], result["tokens"]
        if case not in best or result["seconds"] < best[case]["seconds"]:
            best[case] = result
    return best


def main():
    given = arguments()
    ours = Ours(given)
    cases = [(block, int(tokens), products) for tokens in given.tokens.split(",")
             for block in given.blocks.split(",") for products in (("exact", "fast") if ours.fast else ("exact",))]
    times, sizes = {case: [] for case in cases}, {}
    reads = []
    for turn in range(given.rounds + 1):
        took, size = ours.run("read")
        if turn > 0:  # the first one warms up
            reads.append(took)
        for case in cases:
            block, tokens, products = case
            took, sizes[case] = ours.run(f"{BLOCKS.index(block)} {given.columns} {tokens} {products}")
            if turn > 0:
                times[case].append(took)
    ours.end()
    read = size / statistics.median(reads)
    print(f"{given.threads} threads, {size} bytes, read at {read / 1e9:.2f} GB/s")
    results, theirs = [], llama(given) if given.llama else {}
    for case in cases:
        block, tokens, products = case
        took = statistics.median(times[case])
        packed, elements = SIZES[block]
        rate = sizes[case] / took
        work = 2 * tokens * sizes[case] / packed * elements / took
        results.append({"block": block, "tokens": tokens, "products": products, "seconds": took,
                        "bytes_per_second": rate, "share_of_read": rate / read, "operations_per_second": work})
        line = (f"{block} {tokens:4} tokens {products:5}: {rate / 1e9:6.2f} GB/s, {rate / read:5.2f} of the read, "
                f"{work / 1e9:7.1f} GFLOP/s")
        if (block, tokens) in theirs:
            other = theirs[block, tokens]
            results[-1]["llama"] = other
            line += (f"; llama.cpp {other['order']} {other['bytes_per_second'] / 1e9:6.2f} GB/s, "
                     f"ratio {rate / other['bytes_per_second']:.2f}")
        print(line)
    if given.json:
        with open(given.json, "w") as out:
            json.dump({"threads": given.threads, "read_bytes_per_second": read, "results": results}, out)


if __name__ == "__main__":
    main()
