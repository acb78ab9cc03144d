"""Runs the built program: its result, or the line that it refuses with."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import safetensors.numpy

TOLERANCE = 2e-4  # relative to the largest logit


class Refused(Exception):
    """The program ended with this line and status."""

    def __init__(self, done):
        super().__init__(done.stderr.strip())
        self.status = done.returncode


class Program:
    def __init__(self, path, threads=1, device="cpu"):
        self.path = path
        self.threads = threads
        self.device = device

    def run(self, *arguments, timeout=600, **more):
        kept = ("PATH", "ASAN_OPTIONS", "LD_LIBRARY_PATH")
        environment = {"HOME": "/nonexistent",
                       **{name: os.environ[name] for name in kept if name in os.environ}}
        return subprocess.run([self.path, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, env=environment, **more)

    def text(self, *arguments, **more):
        done = self.run(*arguments, text=True, **more)
        if done.returncode != 0:
            raise Refused(done)
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


def listed(ids):
    return ",".join(map(str, ids))
