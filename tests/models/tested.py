"""One row's model, the reference's answers, and the checks of the program against them."""

import functools
import pathlib
import shutil
import tempfile

import numpy as np

import flip
from program import TOLERANCE
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
        self.reference = Reference(self.folder, self.file if reads_file else None, row.reference)
        ids = np.random.default_rng(100 + index)
        self.long = ids.integers(0, row.vocabulary, 48).tolist()
        self.prompts = [ids.integers(0, row.vocabulary, n).tolist() for n in LENGTHS]
        self.want = self.reference.logits(self.long)
        self.model = self.folder / self.file
        self.weights = sum(p.numel() * 4 for p in self.reference.model.parameters())
        # Weights in blocks are held and multiplied as they lie.
        self.held = self.model.stat().st_size if row.gguf else self.weights

    @functools.cached_property
    def greedy(self):
        return [self.reference.greedy(prompt, NEW_TOKENS) for prompt in self.prompts]

    def counts(self):
        keys = ", ".join(f"`{key}`" for key in self.row.counts)
        if keys:
            other = self.reference.under(config_of(self.row, **self.row.counts)).logits(self.long)
            far = distance(other, self.want)
            need(far > 100 * TOLERANCE, f"with another {keys} the logits differ by {far:.1e}")
        return keys or "-"

    def imported_alike(self):
        """The logits of transformers for the folder that is imported from the file."""
        folder = self.folder / "imported"
        self.program.text("import", self.model, "--output", folder)
        far = distance(Reference(folder).logits(self.long), self.want)
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
        if streamed:  # also from memory from which the CPU could compute
            options += ["--set", "run.in_place=off"]
        run = {"logits": self.run_logits, "one": self.run_one, "batch": self.run_batch}[check]
        if streamed:
            least = self.program.least_memory(lambda *more: run(streamed, *options, *more))
            # A run that generates tokens reports its moved bytes itself. A GPU's least memory is mostly that
            # of its libraries, far above a tiny model's weights.
            need(check != "logits" or self.program.device != "cpu" or least < self.weights,
                 f"the least device memory, {least}, holds all weights")
            options += ["--device-memory", max(least, self.held // 3)]
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
