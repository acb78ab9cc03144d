"""usage: table.py FOLDER: compares the JSON of the demo's three runs and prints it as a table."""

import json
import pathlib
import sys

MIB = 1 << 20


def row(cells):
    print("{:<13}{:<36}{:>17}{:>11}  {}".format(*cells).rstrip())


def describe(name, report):
    tiers = ", ".join(f"{tier} {held['bytes'] / MIB:.1f} MiB"
                      for tier, held in report["tiers"].items() if held["bytes"])
    plugins = ", ".join(f"{p['kind']} {p['name']}" for p in report["plugins"])
    row([name, tiers, f"{report['moved_bytes_per_token'] / MIB:.1f} MiB",
         f"{report['decode_tokens_per_s']:.1f}", plugins])


def main():
    runs = {name: json.loads(pathlib.Path(sys.argv[1], name).read_text())
            for name in ("resident", "from memory", "from disk")}
    print()
    row(["run", "weights lie in", "moved a token", "tokens/s", "plugins"])
    for name, run in runs.items():
        describe(name, run["report"])
    texts = {run["text"][0] for run in runs.values()}
    ids = {tuple(run["output_ids"][0]) for run in runs.values()}
    same = len(texts) == 1 and len(ids) == 1
    print("\nThe three answers are " + ("identical." if same else "NOT identical."))
    if not same:
        for name, run in runs.items():
            print(f"{name}: {run['text'][0]!r}")
    sys.exit(0 if same else 1)


main()
