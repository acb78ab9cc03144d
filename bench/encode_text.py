#!/usr/bin/env python3
"""Claim: a text of 10 MB is encoded at least as fast as by the package tokenizers, on one core.

Each style's vocabulary is trained as for the tests. Both encode the same text in alternation, and
their ids must be equal; a row has the best time of each. The package encodes without offsets, which
is its quickest way.

usage: ./dev bench encode_text [ROUNDS]
"""
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

tree = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(tree / "tests/sdk/core/text"))
from tokenizers_test import trained

STYLES = ["gpt-2", "llama-bpe", "qwen2", "falcon", "llama-2", "llama-2-new", "gemma", "t5", "bert"]
BYTES = 10_000_000


def text():
    """English and code: licences and Python's own library, as much as is needed."""
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


def ours(tokenizer, path):
    done = subprocess.run([tree / "build/bin/tokenize-driver", "time", tokenizer],
                          stdin=open(path, "rb"), stdout=subprocess.PIPE, check=True)
    answer = json.loads(done.stdout)
    return answer["seconds"], answer["ids"]


def theirs(tokenizer, content):
    begin = time.perf_counter()
    encoded = tokenizer.encode_batch_fast([content], add_special_tokens=False)[0]
    return time.perf_counter() - begin, encoded.ids


def main(rounds=3):
    content = text()
    print(f"{len(content.encode())} bytes, {rounds} rounds in alternation, one core\n")
    print("| style | tokens | Strata | tokenizers | ratio |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text")
        pathlib.Path(path).write_text(content, encoding="utf-8", newline="")
        for style in STYLES:
            reference = trained(style)
            description = os.path.join(folder, style + ".json")
            reference.save(description)
            times = []
            for _ in range(rounds):
                (mine, ids), (other, expected) = ours(description, path), theirs(reference, content)
                assert ids == expected, style
                times.append((mine, other))
            mine, other = (min(column) for column in zip(*times))
            print(f"| {style} | {len(ids)} | {mine:.2f} s | {other:.2f} s | {other / mine:.1f} |",
                  flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
