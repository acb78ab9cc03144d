"""`strata finetune` on several ranks against one rank and against a plain PyTorch loop: R ranks of G micro-batches a step
are one rank of G x R. Losses, norms, weights, and runs that are resumed. A group of one rank has the bits of a run
without a group.

Usage: finetune_ranks_test.py PROGRAM FOLDER [--case WORDS] [--list] [--one-rank] [--device DEVICE]
With --one-rank all runs have one rank: so the test tries its own tables. On a device other than the CPU only the
groups of one rank are tried.
"""

import contextlib
import copy
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import safetensors.torch
import torch

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in (".", "proofs")]
import finetune_data as data  # noqa: E402
import finetune_ranks_cases as table  # noqa: E402
from finetune_jobs import failures_of, parser, run  # noqa: E402
from finetune_reference import Loop, load  # noqa: E402
from finetune_test import MARGIN, Checked, Model, near  # noqa: E402
from many_ranks import SECONDS, ManyRanks  # noqa: E402
from program import Many, Program, Refused  # noqa: E402
from ranked import CUT, free_port  # noqa: E402
from row import make  # noqa: E402
from tested import Failed, need  # noqa: E402

EXACT = ("step", "lr", "tokens", "scored", "skipped")
BAD_STEP = 6  # in which a row is no number
SAVED = 4  # a checkpoint after so many steps


@contextlib.contextmanager
def about(words):
    try:
        yield
    except Failed as failed:
        raise Failed(f"{words}: {failed}") from failed


def tensors(folder):
    return {name: tensor for file in sorted(pathlib.Path(folder).glob("*.safetensors"))
            for name, tensor in safetensors.torch.load_file(file).items()}


def distance(got, want):
    """By element; 0 where both are no numbers."""
    off = (got.float() - want.float()).abs()
    return torch.where(got.isnan() & want.isnan(), 0.0, off)


class RankedModel(Model):
    def __init__(self, name, routers, parent):
        super().__init__(name, routers, parent)
        vocabulary = self.row.vocabulary
        for kind, (count, _) in table.FEW.items():
            self.files[kind] = parent / f"{kind}.jsonl"
            rows = data.texts(4, vocabulary, data.some_lengths(2, count))
            self.sequences[kind] = data.write_texts(self.files[kind], rows, vocabulary)
        self.files["pairs"] = parent / "pairs.jsonl"
        self.write_pairs(data.texts(6, vocabulary, data.some_lengths(5, 3 * 35, 3, 9)))

    def write_pairs(self, rows):
        letter = data.letters(self.row.vocabulary)
        words = ["".join(map(letter.get, ids)) for ids in rows]
        self.files["pairs"].write_text("".join(
            json.dumps(dict(zip(("prompt", "chosen", "rejected"), words[at:at + 3], strict=True))) + "\n"
            for at in range(0, len(words), 3)))

    def reference(self, settings, kind, order=None):
        """All epochs of files of few rows, whose last steps have fewer micro-batches."""
        if kind not in table.FEW:
            return super().reference(settings, kind, order)
        rows, loop = self.sequences[kind], Loop(load(self.folder), settings)
        batches = [rows[at:at + settings.batch] for at in range(0, len(rows), settings.batch)]
        epoch = [batches[at:at + settings.accumulation] for at in range(0, len(batches), settings.accumulation)]
        steps = []
        for one in epoch * table.FEW[kind][1]:
            loop.settings = dataclasses.replace(settings, accumulation=len(one))
            steps.append(loop.step(one))
        need(loop.margin > MARGIN, f"two experts' scores are {loop.margin:.1e} apart: change the seed")
        need(len(steps) == settings.steps, f"{len(steps)} steps of {kind}")
        return loop.model.eval(), steps

    def with_few_words(self, folder):
        """A model of the same kind whose table and head are a small part of it."""
        out = copy.copy(self)
        out.folder, vocabulary = folder / "few words", len(data.LETTERS) + data.FIRST
        sizes = {"vocab_size": vocabulary, "hidden_size": 192, "intermediate_size": 384, "head_dim": 32}
        make(dataclasses.replace(self.row, config={**self.row.config, **sizes}), out.folder)
        data.write_tokenizer(out.folder, vocabulary)
        out.files = {**self.files, "texts": folder / "few words.jsonl"}
        data.write_texts(out.files["texts"], data.texts(4, vocabulary, data.some_lengths(2, 16)), vocabulary)
        return out

    def poisoned(self, folder, row):
        """The same model with a token whose row in the table is no number, and with rows of which one has it."""
        bad, other = sorted(data.letters(self.row.vocabulary))[7:9]
        out = copy.copy(self)
        out.folder = folder / "poisoned"
        shutil.copytree(self.folder, out.folder)
        file = out.folder / "model.safetensors"
        weights = safetensors.torch.load_file(file)
        weights["model.embed_tokens.weight"][bad] = float("nan")
        safetensors.torch.save_file(weights, file, {"format": "pt"})
        rows = [[other if id == bad else id for id in one.ids[:-1]] for one in self.sequences["texts"]]
        rows[row][3] = bad
        out.files = {**self.files, "texts": folder / "poisoned.jsonl"}
        data.write_texts(out.files["texts"], rows, self.row.vocabulary)
        return out


class Ranked(Checked):
    """One case, by ranks whose micro-batches together are the case's."""

    def __init__(self, case, model, programs, folder):
        super().__init__(case, model, programs[1], folder)
        self.programs = programs

    def words(self, output, *more):
        words = super().words(output, *more)
        if self.case.data in table.FEW:
            at = words.index("--max-steps")
            words[at:at + 2] = ["--num-train-epochs", table.FEW[self.case.data][1]]
        if "--shuffle" in self.case.words:
            at = words.index("--shuffle")  # the case's own comes behind it
            del words[at:at + 2]
        return [self.model.files.get(word, word) for word in words]

    def words_on(self, ranks, name, *more, how=CUT):
        words = self.words(self.folder / name, *(how if ranks > 1 else ()), *more)
        words[words.index("--gradient-accumulation-steps") + 1] = self.case.settings.accumulation // ranks
        return words

    def on(self, ranks, name, *more, how=CUT):
        """The object that is printed; `how` are options that change nothing on one rank."""
        ranks = min(ranks, max(self.programs))
        return json.loads(self.programs[ranks].text("finetune", *self.words_on(ranks, name, *more, how=how)))

    def losses(self):
        """All numbers of ranks are those of PyTorch and of one rank, whether units are cut or whole."""
        alone = self.on(1, "alone")
        with about("one rank"):
            self.compare(alone)
        for ranks, words, how in ((2, "cut", CUT), (4, "cut", CUT), (2, "whole", ())):
            with about(f"{ranks} ranks, units are {words}"):
                made = self.on(ranks, f"{ranks}-{words}", how=how)
                self.compare(made)
                self.like(made["steps"], made, alone)

    def epochs(self):
        for ranks in (1, 2, 4):
            with about(f"{ranks} ranks"):
                self.compare(self.on(ranks, str(ranks)))

    def alike(self):
        alone, made = self.on(1, "alone"), self.on(2, "ranks")
        self.like(made["steps"], made, alone)

    def least_memory(self):
        alone = self.on(1, "alone")
        least = self.programs[max(self.programs)].least_memory(lambda *more: self.on(2, "least", *more))
        made = self.on(2, "ranks", "--device-memory", least)
        self.like(made["steps"], made, alone)
        peak = made["report"]["peak"]["device"]
        need(peak["bytes"] <= peak["planned"] <= least, f"the device held {peak} of {least}")

    def twice(self):
        for ranks in (2, 4):
            made, again = self.on(ranks, f"{ranks}"), self.on(ranks, f"{ranks}-again")
            self.same_bits(f"{ranks} ranks for the second time", again["steps"], again, made)

    def resume(self):
        """A checkpoint of any number of ranks is resumed by any other one; by as many, bit for bit."""
        alone, whole = (self.on(ranks, f"saved-{ranks}", "--save-every", SAVED) for ranks in (1, 2))
        self.like(whole["steps"], whole, alone)
        need(self.saved(1) == self.saved(2), f"checkpoints: {self.saved(2)}, of one rank {self.saved(1)}")
        for at in (SAVED, 2 * SAVED):
            rest = self.rest(2, 2, at)
            self.same_bits(f"2 ranks behind step {at}", whole["steps"][:at] + rest["steps"], rest, whole)
        for saver, ranks, how in ((2, 1, CUT), (2, 4, CUT), (1, 2, CUT), (1, 4, ()), (2, 2, ())):
            run = whole if saver == 2 else alone
            with about(f"{ranks} ranks resume {saver}'s, {how}"):
                rest = self.rest(saver, ranks, SAVED, how)
                self.like(run["steps"][:SAVED] + rest["steps"], rest, run)
        self.refuses_more()

    def refuses_more(self):
        """Twice as many micro-batches in a step are another run."""
        ranks = max(self.programs)
        words = self.words_on(ranks, "other", "--resume", self.folder / "saved-2" / f"checkpoint-{SAVED}")
        words[words.index("--gradient-accumulation-steps") + 1] = 2 * self.case.settings.accumulation // ranks
        try:
            self.programs[ranks].text("finetune", *words)
        except Refused as refused:
            need("--gradient-accumulation-steps" in str(refused), f"refused with: {refused}")
        else:
            need(False, "twice as many micro-batches in a step were accepted")

    def saved(self, ranks):
        return sorted(one.name for one in (self.folder / f"saved-{ranks}").iterdir() if one.is_dir())

    def rest(self, saver, ranks, at, how=CUT):
        name = f"rest-{saver}-{ranks}-{at}-{len(how)}"
        return self.on(ranks, name, "--resume", self.folder / f"saved-{saver}" / f"checkpoint-{at}", how=how)

    def poisoned(self):
        """A row that is no number, which is rank 1's, is skipped by all ranks, or stops all of them."""
        row = (BAD_STEP - 1) * self.case.settings.accumulation + 1
        other = Ranked(self.case, self.model.poisoned(self.folder, row), self.programs, self.folder)
        alone = other.on(1, "alone", "--on-nan", "skip")
        skipped = [step["step"] for step in alone["steps"] if step["skipped"]]
        need(skipped == [BAD_STEP], f"skipped were {skipped}")
        for ranks in (2, 4):
            with about(f"{ranks} ranks"):
                made = other.on(ranks, f"skip-{ranks}", "--on-nan", "skip")
                other.like(made["steps"], made, alone)
        for ranks in (1, 2):
            name = f"stop-{ranks}"
            with about(f"{ranks} ranks stop"):
                try:
                    other.on(ranks, name, "--on-nan", "stop")
                except Refused as refused:
                    need(refused.status == 1 and "no number" in str(refused), f"{refused.status} {refused}")
                else:
                    need(False, "the run went on")
                there = sorted(one.name for one in (self.folder / name).iterdir())
                need(there == [f"checkpoint-{BAD_STEP - 1}"], f"left were {there}")
                rest = other.on(ranks, name, "--resume", "latest", "--on-nan", "skip")
                other.like(alone["steps"][:BAD_STEP - 1] + rest["steps"], rest, alone)

    def group_of_one(self):
        """Its units are gathered from one shard and its gradients are scattered into one, and every bit is that of the
        run without a group. So are its checkpoints, from which either goes on."""
        on_cpu = self.program.device == "cpu"
        common = ["--save-every", 2, *(() if on_cpu else ["--deterministic"])]
        group = [*common, "--ranks", 1, *CUT]
        alone, made = self.run("alone", *common), self.run("group", *group)
        self.same_bits("a group of one", made["steps"], made, alone)
        validations = [[{**one, "seconds": 0} for one in run["validation"]] for run in (alone, made)]
        need(validations[0] == validations[1], f"validations: {validations}")
        collectives = made["report"]["collectives"]
        need(collectives.pop("library") == ("gloo" if on_cpu else "nccl"), f"{made['report']}")
        need(all(one["calls"] > 0 and one["bytes"] > 0 for one in collectives.values()), f"{collectives}")
        need("collectives" not in alone["report"], f"without a group: {alone['report']}")
        saved = [{file.name: file.read_bytes() for file in (self.folder / name / "checkpoint-2").glob("*.safetensors")}
                 for name in ("alone", "group")]
        need(saved[0] and saved[0] == saved[1], f"the checkpoints' files differ: {[sorted(one) for one in saved]}")
        for saver, more in (("group", common), ("alone", group)) if on_cpu else ():
            rest = self.run(f"behind {saver}", *more, "--resume", self.folder / saver / "checkpoint-2")
            self.same_bits(f"behind {saver}'s checkpoint", alone["steps"][:2] + rest["steps"], rest, alone)

    def launchers(self):
        """However the ranks are started, they have the same bits."""
        made = {ranks: self.on(ranks, f"many-{ranks}") for ranks in (2, 4)}
        torchrun = [pathlib.Path(sys.executable).parent / "torchrun", "--nproc-per-node", 2, "--master-port",
                    free_port(), "--no-python"]
        mpirun = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", 2]
        for name, ranks, launcher, more in (("ranks", 2, [], ["--ranks", 2]), ("four", 4, [], ["--ranks", 4]),
                                            ("torchrun", 2, torchrun, []), ("mpirun", 2, mpirun, [])):
            ranks = min(ranks, max(self.programs))
            with about(name):
                words = [*launcher, self.program.path, "finetune", *self.words_on(ranks, name), *more]
                done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      timeout=SECONDS, env={**os.environ, "OMP_NUM_THREADS": "1"})
                need(done.returncode == 0, f"status {done.returncode}: {done.stdout}{done.stderr}")
                got = json.loads(done.stdout)
                self.same_bits(name, got["steps"], got, made[ranks])

    def memory(self):
        """The ranks' states together take little more than one rank's: the embedding's alone may be whole, and ends
        of pages are left over."""
        other = Ranked(self.case, self.model.with_few_words(self.folder), self.programs, self.folder)
        alone, made = other.on(1, "alone"), other.on(2, "ranks")
        other.like(made["steps"], made, alone)
        states = [report["host"]["states"] for report in made["report"].get("ranks", [made["report"]])]
        need(len(states) == min(2, max(self.programs)), f"reports of {len(states)} ranks")
        one = alone["report"]["host"]["states"]
        need(sum(states) <= 1.05 * one, f"the ranks' states have {states} bytes, one rank's {one}")

    def like(self, steps, made, alone):
        """Steps and weights are those of another run, but for rounding."""
        need(len(steps) == len(alone["steps"]), f"{len(steps)} steps, not {len(alone['steps'])}")
        for got, want in zip(steps, alone["steps"], strict=True):
            other = [key for key in EXACT if got[key] != want[key]]
            need(not other, f"{other} of step {want['step']} differ: {got} and {want}")
            if want["skipped"]:
                continue
            for key, relative in (("loss", self.case.loss), ("grad_norm", self.case.norm), ("accuracy", 1e-9)):
                need(key not in want or near(got[key], want[key], relative),
                     f"step {want['step']}: {key} {got.get(key)}, not {want.get(key)}")
        checked = [one["step"] for one in made["validation"]]
        need(checked == [one["step"] for one in alone["validation"]], f"validations behind the steps {checked}")
        for got, want in zip(made["validation"], alone["validation"], strict=True):
            need(near(got["loss"], want["loss"], self.case.loss), f"validation: {got}, not {want}")
        self.like_weights(tensors(made["output"]), tensors(alone["output"]))

    def like_weights(self, got, want):
        need(want and set(got) == set(want), f"tensors differ: {set(got) ^ set(want)}")
        far = []
        for name, tensor in want.items():
            off = distance(got[name], tensor)
            self.leave_out(name, off)
            apart = int((~(off <= self.case.weight)).sum())
            if apart > self.case.few * off.numel() or apart and not off.max() < self.case.far * self.case.settings.lr:
                far.append((float(off.max()), apart, name))
        need(not far, "weights differ (by, in how many, of): " + ", ".join(
            f"{by:.1e} {count} {name}" for by, count, name in sorted(far, reverse=True)[:6]))


def checked(jobs, options, parent):
    """(name, words) of the cases that failed, and how many were run."""
    if options.device != "cpu":
        torch.cuda.is_available = lambda: False  # in forks CUDA cannot begin
        programs = {1: Program(options.program, device=options.device)}
    else:
        programs = {1: Many(options.program)}
    if not options.one_rank and options.device == "cpu":
        programs |= {ranks: ManyRanks(options.program, ranks) for ranks in (2, 4)}
    failures, count = [], 0
    for job in jobs:
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            folder = pathlib.Path(folder)
            model = RankedModel(job[0].model, job[0].routers, folder)
            failures += failures_of(job, folder, lambda case, place: Ranked(case, model, programs, place))
            count += len(job)
    for program in programs.values():
        program.close()
    return failures, count


def main():
    options = parser()
    options.add_argument("--one-rank", action="store_true")
    options.add_argument("--device", default="cpu")
    options = options.parse_args()
    cases = [case for case in table.cases() if options.case in case.name]
    if options.one_rank:
        cases = [case for case in cases if case.check != "launchers"]
    if options.device != "cpu":
        cases = [case for case in cases if case.check == "group_of_one"]
    return run(cases, options, checked)


if __name__ == "__main__":
    sys.exit(main())
