"""Ranks of `strata finetune` that are killed or stopped while they load, compute and save, and a user who ends them: all
end, one line names the rank, and the run is resumed from its last whole checkpoint to the same bits.

Usage: finetune_lost_ranks_test.py PROGRAM FOLDER
"""

import fcntl
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "proofs"))
import finetune_data as data  # noqa: E402
import finetune_faults_test as faults  # noqa: E402
from program import environment  # noqa: E402
from ranked import CUT, children, is_alive  # noqa: E402

PROGRAM, PARENT = sys.argv[1:3]
RANKS, HIDDEN, STEPS = 2, 384, 20
SECONDS = 60  # limit for a run, on a loaded machine
# Limit for the end of all ranks behind the loss of one: above the 5 s that they promise, for a loaded machine.
END = 20
CTRL_C = b"\x03"
LINES = {signal.SIGKILL: "it was ended by SIGKILL: see whether memory ran out, and start all ranks again",
         signal.SIGSTOP: "it was stopped and did not continue: start all ranks again"}


def errors(said):
    return [line for line in said.splitlines() if line.startswith("error:")]


def take_terminal():
    """Standard input becomes the controlling terminal: its Ctrl-C is for this process and its children."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class LostRanks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        faults.write_model(cls.folder / "model", hidden=HIDDEN)
        rows = data.texts(1, faults.VOCABULARY, data.some_lengths(2, 64))
        data.write_texts(cls.folder / "data.jsonl", rows, faults.VOCABULARY)
        cls.draw = random.Random(3)
        cls.whole = cls.run_to_end("whole")
        cls.seconds = statistics.median(step["seconds"] for step in cls.whole["steps"])

    @classmethod
    def words(cls, output, *more, save=1):
        words = [PROGRAM, "finetune", "--model", "model", "--data", "data.jsonl", "--output", output, "--ranks", RANKS,
                 "--dtype", "float32", "--device", "cpu", "--threads", 1, "--batch-size", 1,
                 "--gradient-accumulation-steps", 2, "--max-steps", STEPS, "--lr", 1e-3, "--clip", 1, "--max-length", 64,
                 *CUT, "--save-every", save, "--json", "--log", f"{output}.jsonl", *more]
        return [str(word) for word in words]

    @classmethod
    def run_to_end(cls, output, *more, **how):
        (cls.folder / f"{output}.jsonl").unlink(missing_ok=True)
        done = subprocess.run(cls.words(output, *more, **how), cwd=cls.folder, timeout=SECONDS, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment())
        if done.returncode != 0:
            raise AssertionError(f"status {done.returncode}: {done.stderr[-4000:]}")
        return json.loads(done.stdout)

    def begin(self, output, save=1, **how):
        process = subprocess.Popen(self.words(output, save=save), cwd=self.folder, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment(), **how)
        self.addCleanup(process.kill)
        return process

    def steps_done(self, output):
        log = self.folder / f"{output}.jsonl"
        return log.read_text().count("\n") if log.exists() else 0

    def wait(self, process, what, happened):
        end = time.monotonic() + SECONDS
        while not happened():
            if process.poll() is not None:
                self.fail(f"it ended before {what}: {process.communicate()[1][-4000:]}")
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.001)

    def wait_for_step(self, output, process, part):
        """Returns so far in a step, as a part of its time: the forward takes a quarter or less."""
        done = self.draw.randint(3, 6)
        self.wait(process, f"step {done}", lambda: self.steps_done(output) >= done)
        time.sleep(part * self.seconds)

    def wait_for_loading(self, _, process):
        for line in process.stderr:
            if line.startswith("data: "):
                break
        self.wait(process, "its ranks", lambda: len(children(process.pid)) == RANKS)
        time.sleep(self.draw.uniform(0, 0.3))

    def wait_for_save(self, output, process):
        self.wait(process, "a step", lambda: self.steps_done(output) >= 3)
        self.wait(process, "a checkpoint is written",
                  lambda: any((self.folder / output).glob("checkpoint-*.part-*")))
        time.sleep(self.draw.uniform(0, 0.01))

    def lose(self, output, number, rank, wait):
        """A rank gets a signal after `wait`: all ranks end, and the parent's line names it."""
        process = self.begin(output)
        wait(output, process)
        ranks = children(process.pid)
        self.assertEqual(sorted(ranks), list(range(RANKS)), "its ranks ended before")
        os.kill(ranks[rank], number)
        at = time.monotonic()
        _, said = process.communicate(timeout=END)
        print(f"{output}: ended {time.monotonic() - at:.1f} s after the loss", flush=True)
        self.assertEqual(process.returncode, 1, said)
        self.assertEqual(errors(said), [f"error: rank {rank}: {LINES[number]}"], said)
        self.assertEqual([one for one in ranks.values() if is_alive(one)], [], "ranks are left")

    def same_end(self, output):
        """The run is resumed behind its newest checkpoint, and ends as the one that was not interrupted."""
        there = faults.checkpoints(self.folder / output)
        there = [one.name for one in there if re.fullmatch(r"checkpoint-\d+", one.name)]
        self.assertTrue(there, "no checkpoint is whole")
        last = int(there[-1].partition("-")[2])
        made = self.run_to_end(output, "--resume", "latest")
        self.assertEqual([step["step"] for step in made["steps"]], list(range(last + 1, STEPS + 1)))
        for got, want in zip(made["steps"], self.whole["steps"][last:], strict=True):
            self.assertEqual(*([step[key] for key in ("loss", "grad_norm")] for step in (got, want)))
        self.assertEqual(faults.weights(self.folder / output), faults.weights(self.folder / "whole"))
        left = [one.name for one in (self.folder / output).iterdir() if ".part-" in one.name]
        self.assertEqual(left, [], "parts of a checkpoint are left")

    def test_a_rank_that_is_lost_while_loading_ends_all(self):
        for number, rank in ((signal.SIGKILL, 1), (signal.SIGSTOP, 0)):
            with self.subTest(number=number, rank=rank):
                self.lose(f"loading-{number}", number, rank, self.wait_for_loading)

    def test_a_rank_that_is_lost_in_a_step_ends_all(self):
        for number, rank, part in ((signal.SIGKILL, 1, 0.1), (signal.SIGKILL, 0, 0.5), (signal.SIGKILL, 1, 0.9),
                                   (signal.SIGSTOP, 1, 0.3)):
            with self.subTest(number=number, rank=rank, part=part):
                output = f"step-{number}-{part}"
                self.lose(output, number, rank, lambda *run, part=part: self.wait_for_step(*run, part))
                self.same_end(output)

    def test_a_rank_that_is_lost_while_a_checkpoint_is_written_leaves_whole_ones(self):
        for number, rank in ((signal.SIGKILL, 0), (signal.SIGKILL, 1), (signal.SIGSTOP, 1)):
            with self.subTest(number=number, rank=rank):
                output = f"save-{number}-{rank}"
                self.lose(output, number, rank, self.wait_for_save)
                self.same_end(output)

    def ended(self, output, process, status):
        _, said = process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, status, said)
        self.assertEqual(errors(said), [])
        there = [one.name for one in faults.checkpoints(self.folder / output)]
        self.assertEqual(there, [f"checkpoint-{self.steps_done(output)}"])
        self.same_end(output)

    def test_a_ctrl_c_ends_all_ranks_behind_the_same_step(self):
        """The terminal sends it to the parent and to all ranks."""
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        process = self.begin("ctrl-c", save=STEPS + 1, stdin=theirs, start_new_session=True, preexec_fn=take_terminal)
        os.close(theirs)
        self.wait_for_step("ctrl-c", process, 0.4)
        os.write(ours, CTRL_C)
        self.ended("ctrl-c", process, 130)

    def test_a_signal_to_the_parent_ends_all_ranks_behind_the_same_step(self):
        for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(status=status):
                output = f"signal-{status}"
                process = self.begin(output, save=STEPS + 1, stdin=subprocess.DEVNULL)
                self.wait_for_step(output, process, 0.2)
                process.send_signal(number)
                self.ended(output, process, status)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
