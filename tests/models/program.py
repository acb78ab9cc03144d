"""Runs the built program: its result, or the line that it refuses with."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import safetensors.numpy

TOLERANCE = 2e-4  # relative to the largest logit
END = "end-of-answer"  # no command: the answer to it shows where the one before ends


class Refused(Exception):
    """The program ended with this line and status."""

    def __init__(self, words, status):
        super().__init__(words)
        self.status = status


def environment():
    kept = ("PATH", "ASAN_OPTIONS", "LD_LIBRARY_PATH")
    return {"HOME": "/nonexistent", **{name: os.environ[name] for name in kept if name in os.environ}}


class Program:
    def __init__(self, path, threads=1, device="cpu"):
        self.path = path
        self.threads = threads
        self.device = device

    def run(self, *arguments, timeout=600, **more):
        return subprocess.run([self.path, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, env=environment(), **more)

    def text(self, *arguments, **more):
        done = self.run(*arguments, text=True, **more)
        if done.returncode != 0:
            raise Refused(done.stderr.strip(), done.returncode)
        return done.stdout

    def logits(self, model, ids, *options):
        """The logits, [S,V] in float32."""
        with tempfile.TemporaryDirectory(prefix="strata-logits-") as folder:
            file = pathlib.Path(folder, "logits.safetensors")
            self.text("logits", "--model", model, "--input-ids", listed(ids), "--output", file,
                      "--device", self.device, "--threads", self.threads, *options)
            return safetensors.numpy.load_file(file)["logits"]

    def generate(self, model, prompts, new_tokens, *options):
        """The object that `generate --json` prints."""
        ids = [word for prompt in prompts for word in ("--input-ids", listed(prompt))]
        return json.loads(self.text("generate", "--model", model, *ids, "--max-new-tokens",
                                    new_tokens, "--device", self.device, "--threads",
                                    self.threads, "--json", *options))

    def least_memory(self, run):
        """The least --device-memory with which `run` is accepted, as its refusal says."""
        try:
            run("--device-memory", "1")
        except Refused as refused:
            return int(re.search(r"give at least (\d+)", str(refused))[1])
        raise AssertionError("one byte of device memory was accepted")

    def close(self):
        """Ends what still runs."""


class Many(Program):
    """Carries out command lines in one process of the program `many`, which lies beside PATH: loading LibTorch
    takes most of a tiny model's run. Only `run` starts PATH itself."""

    def __init__(self, path, place=None, **more):
        """`place` has more variables of the environment, such as those of a rank."""
        super().__init__(path, **more)
        self.place, self.process = place or {}, None

    def answer(self, *arguments):
        """The status, the words of the error, and what was printed."""
        self.ask(*arguments)
        return self.answered(*arguments)

    def ask(self, *arguments):
        if not self.process:
            self.errors = tempfile.TemporaryFile("w+")
            self.process = subprocess.Popen(
                [pathlib.Path(self.path).with_name("many")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self.errors, text=True, env={**environment(), **self.place})
        for words in (arguments, (END,)):
            self.process.stdin.write(json.dumps([*map(str, words)]) + "\n")
        self.process.stdin.flush()

    def answered(self, *arguments):
        """The answer to what was asked last."""
        printed = []
        for line in self.process.stdout:
            if line.startswith(f"2 '{END}': unknown command"):
                status, _, words = printed.pop().strip().partition(" ")
                return int(status), words, "".join(printed)
            printed.append(line)
        raise AssertionError(f"{listed(arguments)}: {self.end()}")

    def text(self, *arguments):
        status, words, printed = self.answer(*arguments)
        if status != 0:
            raise Refused(f"error: {words}", status)
        return printed

    def end(self):
        """Ends the process; its exit status and the end of its messages."""
        process, self.process = self.process, None
        process.stdin.close()
        status = process.wait(timeout=60)
        process.stdout.close()
        with self.errors as errors:
            errors.seek(0)
            return f"ended with status {status}: {errors.read()[-4000:]}"

    def close(self):
        if self.process and not (ended := self.end()).startswith("ended with status 0:"):
            raise AssertionError(ended)


def listed(ids):
    return ",".join(map(str, ids))
