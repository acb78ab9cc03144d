"""Tiny llamas through the program against transformers: logits, tokens, every tier, every attention.

Usage: llama_test.py PROGRAM FOLDER [--update | --brief]
--update writes docs/tested-models.md; --brief runs one column of each row.
"""

import concurrent.futures
import os
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import torch
import transformers

import flip
from llama_rows import ATTENTION, COLUMNS, FLIPPED, HEAD, PAGE, ROWS
from program import TOLERANCE, Program
from tiny_llama import TRAINED, Reference, make

TABLE = pathlib.Path(__file__).resolve().parents[2] / "docs/tested-models.md"
NEW_TOKENS = 10
LENGTHS = (25, 3, 40)  # with the new tokens: past TRAINED, never, from the beginning


class Failed(Exception):
    pass


def need(condition, reason):
    if not condition:
        raise Failed(reason)


def distance(got, want):
    """The largest difference, in the largest logit; infinite where a number is not finite."""
    if got.shape != want.shape or not np.isfinite(got).all():
        return float("inf")
    return float(np.abs(got - want).max() / np.abs(want).max())


class Row:
    """One model, its reference answers, and what the program says."""

    def __init__(self, index, program, folder):
        self.index, self.tiny, self.program = index, ROWS[index], program
        self.folder = pathlib.Path(folder, f"row{index}")
        make(self.tiny, self.folder)
        reference = Reference(self.folder)
        ids = np.random.default_rng(100 + index)
        self.long = ids.integers(0, self.tiny.vocabulary, 48).tolist()
        self.prompts = [ids.integers(0, self.tiny.vocabulary, n).tolist() for n in LENGTHS]
        self.want = reference.logits(self.long)
        self.plain = reference.without_scaling().logits(self.long)
        self.greedy = [reference.greedy(prompt, NEW_TOKENS) for prompt in self.prompts]
        self.weights = sum(p.numel() * 4 for p in reference.model.parameters())

    def scaling_seen(self):
        far = distance(self.plain, self.want)
        need(far > 100 * TOLERANCE, f"without its rope scaling the logits differ by {far:.1e} only")
        return "yes"

    def flipped_bit_seen(self):
        name = FLIPPED[self.index]
        row = self.long[3] if "embed" in name else 0
        for highest in (False, True):
            with tempfile.TemporaryDirectory(dir=self.folder.parent) as copy:
                shutil.copytree(self.folder, copy, dirs_exist_ok=True)
                flip.flip(copy, name, row, highest)
                got = self.program.logits(copy, self.long, "--offload", "device")
            need(not distance(got, self.want) <= TOLERANCE, f"a flipped bit of {name} went unseen")
        return f"`{name}`"

    def attention(self, column, check):
        return ATTENTION[(self.index + list(COLUMNS).index(column) +
                          ("logits", "one", "batch").index(check)) % len(ATTENTION)]

    def cell(self, column):
        return ", ".join(f"{check} {self.check(column, check)}" for check in COLUMNS[column][2])

    def check(self, column, check):
        tier, streamed, _ = COLUMNS[column]
        attention = self.attention(column, check)
        options = ["--offload", tier, "--attention", attention]
        if not streamed and tier != "device":
            options += ["--device-memory", "1GiB"]
        run = {"logits": self.run_logits, "one": self.run_one, "batch": self.run_batch}[check]
        if streamed:
            least = self.program.least_memory(lambda *more: run(streamed, *options, *more))
            # What tokens are generated from says itself that it moved.
            need(check != "logits" or least < self.weights,
                 f"the least device memory, {least}, holds all weights")
            options += ["--device-memory", max(least, self.weights // 3)]
        run(streamed, *options)
        return attention

    def run_logits(self, streamed, *options):
        far = distance(self.program.logits(self.folder, self.long, *options), self.want)
        need(far <= TOLERANCE, f"the logits are {far:.1e} of the largest one off")

    def run_one(self, streamed, *options):
        self.run_tokens([0], streamed, options)

    def run_batch(self, streamed, *options):
        self.run_tokens(range(len(self.prompts)), streamed, options)

    def run_tokens(self, which, streamed, options):
        made = self.program.generate(self.folder, [self.prompts[at] for at in which], NEW_TOKENS,
                                     "--ignore-eos", *options)
        moved = made["report"]["moved_bytes_per_token"]
        need((moved > 0) == streamed, f"{moved} bytes moved a token")
        for at, got in zip(which, made["output_ids"], strict=True):
            want, margins = self.greedy[at]
            sure = next((i for i, m in enumerate(margins) if m <= TOLERANCE), len(margins))
            need(sure == NEW_TOKENS, "the reference's best two tokens are too close: change the seed")
            need(got == want, f"prompt {at}: tokens {got}, not {want}")


def cells_of(row, brief):
    """What there is to do for a row: the column's title and the check that fills its cell."""
    checks = {"scaling seen": row.scaling_seen, "flipped bit seen in": row.flipped_bit_seen}
    titles = list(COLUMNS)
    if brief:
        titles = [titles[row.index % len(titles)]]
    for title in titles:
        checks[title] = lambda title=title: row.cell(title)
    return checks


def fill(program, folder, brief):
    """The table's rows of cells, and a named reason for each empty one."""
    table, failures = [], []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        waiting = []
        for index in range(len(ROWS)):
            row = Row(index, program, folder)
            waiting.append({title: pool.submit(check)
                            for title, check in cells_of(row, brief).items()})
        for tiny, cells in zip(ROWS, waiting, strict=True):
            line = tiny.words()
            for title, cell in cells.items():
                try:
                    line.append(cell.result())
                except Exception as failure:  # whatever it is, it empties the cell
                    line.append("")
                    failures.append(f"{tiny.name}: {title}: {failure or repr(failure)}")
            table.append(line)
    return table, failures


def page(table):
    lines = [HEAD + list(COLUMNS), ["---"] * (len(HEAD) + len(COLUMNS)), *table]
    return PAGE.format(trained=TRAINED) + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    path, parent, *mode = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        table, failures = fill(Program(path), folder, mode == ["--brief"])
    if mode == ["--update"]:
        TABLE.write_text(page(table))
    elif not mode and not failures and TABLE.read_text() != page(table):
        failures.append(f"{TABLE.name} is not what was run: write it anew with --update")
    print(*failures, sep="\n")
    print(f"{len(table)} models, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
