#!/usr/bin/env python3
"""Claim: `strata --help` and `plugins list` take less than 50 ms, `plan` of a 175B shape less than 1 s.

In turn with each run the script measures the machine's own limit: the start of an empty process.

usage: ./dev bench startup [--strata PROGRAM] [--runs N] [--json FILE]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLAIMS = {  # seconds
    ("--help",): 0.05,
    ("plugins", "list"): 0.05,
    ("plan", "--model", "llama-175b", "--device", "cpu", "--host-memory", "400GiB",
     "--device-memory", "24GiB"): 1.0,
}


def seconds(command):
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default=os.path.join(HERE, "..", "build", "bin", "strata"))
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--json", help="write everything here")
    options = parser.parse_args()
    results = []
    for arguments, claim in CLAIMS.items():
        turns = [(seconds(["true"]), seconds([options.strata, *arguments]))
                 for _ in range(options.runs)]
        empty, ours = (statistics.median(turn[i] for turn in turns) for i in (0, 1))
        results.append({"command": arguments, "claim_s": claim, "seconds": ours, "empty_s": empty,
                        "ratio": ours / empty})
        print(f"{' '.join(arguments):<30.30} {ours * 1e3:7.1f} ms, claimed {claim * 1e3:.0f} ms; an "
              f"empty process {empty * 1e3:.1f} ms, {ours / empty:.1f} times that", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
            file.write("\n")
    return 1 if any(one["seconds"] > one["claim_s"] for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
