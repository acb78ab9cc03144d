"""Tiny models of the families through the program against transformers: logits, tokens, tiers, attention.

Usage: family_test.py PROGRAM FOLDER [FAMILY...] [--row WORDS] [--update | --brief | --sanitized] [--device cuda]
The rows are those of rows/FAMILY.py (see row.py), of every family unless some are named; --row takes those
whose name has these words. --update writes the families' tables into docs/tested-models.md. --brief runs one
place of each row, and has no table to compare; --sanitized also leaves out what judges the row itself.
"""

import argparse
import importlib
import pathlib
import shutil
import sys
import tempfile

import transformers

import page
from program import Many, Program
from tested import Tested, places

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import workers  # noqa: E402


def parts(tested, mode):
    """The work for a row: each cell with the check that gives its words, or a part of it."""
    checks = []
    if mode != "sanitized":
        checks += [("counts", tested.counts), ("flipped bit seen in", tested.flipped_bit_seen)]
    if tested.row.gguf:
        checks.append(("held", tested.imported_alike))
    there = list(enumerate(places(tested.row)))
    one = [there[tested.index % len(there)]]
    for number, (cell, tier, names) in one if mode in ("brief", "sanitized") else there:
        checks.append((cell, lambda number=number, cell=cell, tier=tier, names=names: tested.place(
            number, cell == "streamed", tier, names)))
    return checks


def line(row, index, program, folder, mode):
    """The row's line of the table, and a named reason for each part that is missing."""
    cells, failures = {cell: [] for cell in page.HEAD[3:]}, []
    try:
        work = parts(Tested(row, index, program, folder), mode)
    except Exception as failure:  # any exception leaves a gap
        return [], [f"{row.name}: {failure or repr(failure)}"]
    for cell, part in work:
        try:
            cells[cell].append(part())
        except Exception as failure:
            failures.append(f"{row.name}: {cell}: {failure or repr(failure)}")
    stored = "GGUF" if row.gguf else row.dtype
    return [row.name, stored, str(row.shards), *map("<br>".join, cells.values())], failures


def rows_of(family, words):
    rows = importlib.import_module(f"rows.{family}").ROWS
    return [(family, index, row) for index, row in enumerate(rows) if words in row.name]


def jobs_of(rows):
    """Rows of one model_type together, since transformers loads its code once; the longest first."""
    jobs = {}
    for one in rows:
        jobs.setdefault((one[0], one[2].config["model_type"]), []).append(one)
    return sorted(jobs.values(), key=lambda job: -sum(3 if row.every_tier else 1 for *_, row in job))


def fill(options, rows, folder):
    """{family, index: line and failures} of all rows."""
    def work(jobs):
        make, made = Many if options.device == "cpu" else Program, {}
        program = make(options.program, device=options.device)
        for job in jobs:
            for family, index, row in job:
                place = pathlib.Path(folder, family)
                place.mkdir(exist_ok=True)
                made[family, index] = line(row, index, program, place, options.mode)
                shutil.rmtree(place / f"row{index}", ignore_errors=True)
        program.close()
        return made

    return {one: part[one] for part in workers.results(jobs_of(rows), work) for one in part}


def compare(options, family, table):
    """Compares the page with the table, or writes it there; what is wrong, if anything is."""
    written = page.FILE.read_text()
    wanted = page.replaced(written, family, page.section(family, table))
    if options.mode == "update":
        page.FILE.write_text(wanted)
    elif written != wanted:
        return [f"{page.FILE.name} is not what was run: write it anew with --update"]
    return []


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("families", nargs="*", metavar="family")
    parser.add_argument("--row", default="")
    mode = parser.add_mutually_exclusive_group()
    for name in ("update", "brief", "sanitized"):
        mode.add_argument(f"--{name}", dest="mode", action="store_const", const=name, default="")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    every = sorted(file.stem for file in pathlib.Path(__file__).with_name("rows").glob("*.py"))
    options.families = options.families or every
    return options


def main():
    workers.load_transformers()
    transformers.logging.set_verbosity_error()
    options = parsed()
    rows = [one for family in options.families for one in rows_of(family, options.row)]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        made = fill(options, rows, folder)
    every = []
    for family in options.families:
        lines = [made[one] for one in sorted(made) if one[0] == family]
        failures = [reason for _, reasons in lines for reason in reasons]
        if not (failures or options.row) and options.mode in ("", "update"):
            failures += compare(options, family, [cells for cells, _ in lines])
        every += [f"{family}: {reason}" for reason in failures]
    print(*every, sep="\n")
    print(f"{len(made)} models of {len(options.families)} families, {len(every)} failures")
    return 1 if every or not made else 0


if __name__ == "__main__":
    sys.exit(main())
