#!/usr/bin/env python3
"""Claim: on a GPU, a product of few tokens with a weight in groups takes little longer than reading its bytes.

The weights have the shapes of Llama-2-13B's matrices and are multiplied as they lie; the limit is the rate at which
the GPU copies memory, read and written bytes counted, in the same run. Prints for each shape and number of tokens
the median time, the packed bytes a second and their share of the copy's rate.

usage: ./dev bench device_products [--forms FORM ...] [--tokens N,...] [--rounds N] [--program PROGRAM] [--json FILE]
"""
import argparse
import json
import statistics
import subprocess

SHAPES = ((5120, 5120), (13824, 5120), (5120, 13824))
FORMS = ("int4 64 none f32", "int4 64 number f32", "int4 128 code f16", "int8 64 none f32", "nf4 64 none f32",
         "e2m1 16 none f32", "e4m3 5120 none f32")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/bin/bench-device-products")
    parser.add_argument("--forms", nargs="+", default=FORMS, help="CODE GROUP ZERO SCALE")
    parser.add_argument("--tokens", default="1,8,32")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def measured(given, form, rows, columns, tokens):
    done = subprocess.run([given.program, "groups " + form, str(rows), str(columns), str(tokens),
                           str(given.rounds + 1)], stdout=subprocess.PIPE, text=True, check=True)
    size, _, *rounds = done.stdout.splitlines()  # the first round warms up
    seconds, copies = zip(*((float(word) for word in line.split()) for line in rounds))
    rate, copy = int(size) / statistics.median(seconds), statistics.median(copies)
    return {"form": form, "rows": rows, "columns": columns, "tokens": tokens, "bytes": int(size),
            "seconds": statistics.median(seconds), "rate": rate, "copy": copy, "share": rate / copy}


def main():
    given = arguments()
    out = []
    for form in given.forms:
        for tokens in (int(one) for one in given.tokens.split(",")):
            for rows, columns in SHAPES:
                one = measured(given, form, rows, columns, tokens)
                out.append(one)
                print(f"{form:20} {rows:5} x {columns:5}, T = {tokens:2}: {one['seconds'] * 1e6:7.1f} us, "
                      f"{one['rate'] / 1e12:.2f} TB/s, {one['share']:.2f} of the copy's {one['copy'] / 1e12:.2f}",
                      flush=True)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(out, file, indent=1)


if __name__ == "__main__":
    main()
