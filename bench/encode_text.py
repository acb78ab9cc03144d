#!/usr/bin/env python3
"""Claim: a text of 10 MB is encoded at least as fast as by the package tokenizers, on one core.

Each style's vocabulary is trained as for the tests. Strata and the package encode the same text in
alternation, and their ids must be equal; a row has the best time of each. The package encodes without
offsets, which is its fastest mode.

usage: ./dev bench encode_text [--tokenizer FILE]... [--rounds N] [--driver PROGRAM] [--json FILE]

--tokenizer adds a row for a model's tokenizer.json.
"""
import argparse
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers

tree = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(tree / "tests/sdk/text"))
from tokenizers_test import trained

STYLES = ["gpt-2", "llama-bpe", "qwen2", "falcon", "llama-2", "llama-2-new", "gemma", "t5", "bert"]
BYTES = 10_000_000


def text():
    """English and code, as much as is needed: licenses and Python's standard library."""
    paths = sorted(glob.glob("/usr/share/common-licenses/*")) + sorted(glob.glob(
        os.path.dirname(os.__file__) + "/**/*.py", recursive=True))
    out, size = [], 0
    for path in paths:
        part = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
        out.append(part)
        size += len(part.encode())
        if size >= BYTES:
            break
    return "".join(out).encode()[:BYTES].decode(errors="ignore")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", action="append", default=[])
    parser.add_argument("--driver", default=tree / "build/bin/tokenize-driver")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def ours(driver, tokenizer, path):
    done = subprocess.run([driver, "time", tokenizer],
                          stdin=open(path, "rb"), stdout=subprocess.PIPE, check=True)
    answer = json.loads(done.stdout)
    return answer["seconds"], answer["ids"]


def theirs(tokenizer, content):
    begin = time.perf_counter()
    encoded = tokenizer.encode_batch_fast([content], add_special_tokens=False)[0]
    return time.perf_counter() - begin, encoded.ids


def main():
    options = arguments()
    content = text()
    rows = []
    print(f"{len(content.encode())} bytes, {options.rounds} rounds in alternation, one core\n")
    print("| style | tokens | Strata | tokenizers | ratio |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text")
        pathlib.Path(path).write_text(content, encoding="utf-8", newline="")
        for style in [*options.tokenizer, *STYLES]:
            real = os.path.isfile(style)
            reference = tokenizers.Tokenizer.from_file(style) if real else trained(style)
            style = pathlib.Path(style).stem
            description = os.path.join(folder, style + ".json")
            reference.save(description)
            times = []
            for _ in range(options.rounds):
                mine, ids = ours(options.driver, description, path)
                other, expected = theirs(reference, content)
                assert ids == expected, style
                times.append((mine, other))
            mine, other = (min(column) for column in zip(*times))
            print(f"| {style} | {len(ids)} | {mine:.2f} s | {other:.2f} s | {other / mine:.1f} |",
                  flush=True)
            rows.append({"style": style, "tokens": len(ids), "seconds": mine,
                         "tokenizers_seconds": other, "ratio": other / mine, "times": times})
    if options.json:
        made = {"bytes": len(content.encode()), "tokenizers": tokenizers.__version__, "rows": rows}
        pathlib.Path(options.json).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
