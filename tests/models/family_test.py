"""Tiny models of a family through the program against transformers: logits, tokens, tiers, attention.

Usage: family_test.py PROGRAM FOLDER FAMILY [--update | --brief] [--device cuda]
The rows are those of rows/FAMILY.py (see row.py). --update writes the family's table into
docs/tested-models.md; --brief runs one place of each row, and has no table to compare.
"""

import argparse
import concurrent.futures
import importlib
import os
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import torch
import transformers

import flip
import page
from program import TOLERANCE, Program
from reference import Reference
from row import config_of, make

NEW_TOKENS = 10
LENGTHS = (25, 3, 40)

ALL = ("logits", "one", "batch")
TIERS = ("cpu", "nvme", "pinned")

# The checks of each cell: its column, the tier, the checks.
EVERY = [("held", "device", ALL), *(("streamed", tier, ALL) for tier in TIERS),
         *(("held", tier, ("batch",)) for tier in TIERS)]


def places(row):
    if row.every_tier:
        return EVERY
    return [("held", "device", ("logits",)), *(("streamed", tier, ("batch",)) for tier in TIERS)]


class Failed(Exception):
    pass


def need(condition, reason):
    if not condition:
        raise Failed(reason)


def distance(got, want):
    """The largest difference, relative to the largest logit; infinite if a number is not finite."""
    if got.shape != want.shape or not np.isfinite(got).all():
        return float("inf")
    return float(np.abs(got - want).max() / np.abs(want).max())


class Tested:
    """One row's model, its reference answers, and what the program says."""

    def __init__(self, row, index, program, folder):
        self.row, self.index, self.program = row, index, program
        self.folder = pathlib.Path(folder, f"row{index}")
        make(row, self.folder)
        self.file = "model.gguf" if row.gguf else ""
        reads_file = row.gguf and not row.gguf_is_folder
        reference = Reference(self.folder, self.file if reads_file else None, row.reference)
        ids = np.random.default_rng(100 + index)
        self.long = ids.integers(0, row.vocabulary, 48).tolist()
        self.prompts = [ids.integers(0, row.vocabulary, n).tolist() for n in LENGTHS]
        self.want = reference.logits(self.long)
        self.other = reference.under(config_of(row, **row.counts)).logits(self.long)
        self.greedy = [reference.greedy(prompt, NEW_TOKENS) for prompt in self.prompts]
        self.model = self.folder / self.file
        self.imported = self.import_folder() if row.gguf else None
        self.weights = sum(p.numel() * 4 for p in reference.model.parameters())

    def counts(self):
        keys = ", ".join(f"`{key}`" for key in self.row.counts)
        far = distance(self.other, self.want)
        need(not keys or far > 100 * TOLERANCE, f"with another {keys} the logits differ by {far:.1e}")
        return keys or "-"

    def import_folder(self):
        """The logits of transformers for the folder that is imported from the file."""
        folder = self.folder / "imported"
        self.program.text("import", self.model, "--output", folder)
        return Reference(folder).logits(self.long)

    def imported_alike(self):
        far = distance(self.imported, self.want)
        need(far <= TOLERANCE, f"imported, the logits are {far:.1e} of the largest one off")
        return "imported: logits transformers"

    def flipped_bit_seen(self):
        name = self.row.flipped
        rows = {self.row.vocabulary: self.long[3]}  # the row of a table that the prompt uses
        for highest in (False, True) if self.row.every_tier else (self.index % 2 == 0,):
            with tempfile.TemporaryDirectory(dir=self.folder.parent) as copy:
                shutil.copytree(self.folder, copy, dirs_exist_ok=True)
                flip.flip(copy, name, highest, rows)
                got = self.program.logits(pathlib.Path(copy, self.file), self.long, "--offload",
                                          "device", "--dtype", "float32")
            need(not distance(got, self.want) <= TOLERANCE, f"a flipped bit of {name} went unseen")
        return f"`{name}`"

    def place(self, number, streamed, tier, checks):
        made = []
        for check in checks:
            backends = self.row.attention
            attention = backends[(self.index + number + ALL.index(check)) % len(backends)]
            self.check(check, streamed, tier, attention)
            made.append(f"{check} {attention}")
        return f"{tier}: {', '.join(made)}"

    def check(self, check, streamed, tier, attention):
        options = ["--dtype", "float32", "--offload", tier, "--attention", attention]
        run = {"logits": self.run_logits, "one": self.run_one, "batch": self.run_batch}[check]
        if streamed:
            least = self.program.least_memory(lambda *more: run(streamed, *options, *more))
            # A run that generates tokens reports its moved bytes itself. A GPU's least memory is mostly that
            # of its libraries, far above a tiny model's weights.
            need(check != "logits" or self.program.device != "cpu" or least < self.weights,
                 f"the least device memory, {least}, holds all weights")
            options += ["--device-memory", max(least, self.weights // 3)]
        elif tier != "device":
            options += ["--device-memory", "1GiB"]
        run(streamed, *options)

    def run_logits(self, streamed, *options):
        far = distance(self.program.logits(self.model, self.long, *options), self.want)
        need(far <= TOLERANCE, f"the logits are {far:.1e} of the largest one off")

    def run_one(self, streamed, *options):
        self.run_tokens([0], streamed, options)

    def run_batch(self, streamed, *options):
        self.run_tokens(range(len(self.prompts)), streamed, options)

    def run_tokens(self, which, streamed, options):
        made = self.program.generate(self.model, [self.prompts[at] for at in which], NEW_TOKENS,
                                     "--ignore-eos", *options)
        moved = made["report"]["moved_bytes_per_token"]
        need((moved > 0) == streamed, f"{moved} bytes moved a token")
        for at, got in zip(which, made["output_ids"], strict=True):
            want, margins = self.greedy[at]
            sure = next((i for i, m in enumerate(margins) if m <= TOLERANCE), len(margins))
            need(sure == NEW_TOKENS, "the reference's best two tokens are too close: change the seed")
            need(got == want, f"prompt {at}: tokens {got}, not {want}")


def parts(tested, brief):
    """The work for a row: each cell with the check that gives its words, or a part of it."""
    checks = [("counts", tested.counts), ("flipped bit seen in", tested.flipped_bit_seen)]
    if tested.row.gguf:
        checks.append(("held", tested.imported_alike))
    there = list(enumerate(places(tested.row)))
    for number, (cell, tier, names) in [there[tested.index % len(there)]] if brief else there:
        checks.append((cell, lambda number=number, cell=cell, tier=tier, names=names: tested.place(
            number, cell == "streamed", tier, names)))
    return checks


def fill(rows, program, folder, brief):
    """The table's rows of cells, and a named reason for each part that is missing."""
    table, failures = [], []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        waiting = []
        for index, row in enumerate(rows):
            tested = Tested(row, index, program, folder)
            waiting.append([(cell, pool.submit(part)) for cell, part in parts(tested, brief)])
        for row, cells in zip(rows, waiting, strict=True):
            made = {cell: [] for cell in page.HEAD[3:]}
            for cell, part in cells:
                try:
                    made[cell].append(part.result())
                except Exception as failure:  # any exception leaves a gap
                    failures.append(f"{row.name}: {cell}: {failure or repr(failure)}")
            stored = "GGUF" if row.gguf else row.dtype
            table.append([row.name, stored, str(row.shards), *map("<br>".join, made.values())])
    return table, failures


def parsed():
    parser = argparse.ArgumentParser()
    for name in ("program", "folder", "family"):
        parser.add_argument(name)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--update", action="store_true")
    mode.add_argument("--brief", action="store_true")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    options = parsed()
    rows = importlib.import_module(f"rows.{options.family}").ROWS
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        program = Program(options.program, device=options.device)
        table, failures = fill(rows, program, folder, options.brief)
    if options.update or not (options.brief or failures):
        written = page.FILE.read_text()
        made = page.replaced(written, options.family, page.section(options.family, table))
        if options.update:
            page.FILE.write_text(made)
        elif written != made:
            failures.append(f"{page.FILE.name} is not what was run: write it anew with --update")
    print(*failures, sep="\n")
    print(f"{len(table)} models, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
