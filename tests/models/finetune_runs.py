"""Runs of `strata finetune` on a tiny model that tests break off, and what is left of them."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import safetensors.numpy

import finetune_data as data
from malformed_inputs import CONFIG, SHAPES, V
from program import environment

PROGRAM, PARENT = sys.argv[1:3]
VOCABULARY, HIDDEN, FFN = 128, 96, 192
ROWS, BATCH, STEPS = 64, 2, 24
SECONDS = 60


def write_model(folder, hidden=HIDDEN, poisoned=None):
    """A llama of one layer; the row of one token in its table is no number, if one is named."""
    ratio = {V: VOCABULARY, CONFIG["hidden_size"]: hidden, CONFIG["intermediate_size"]: FFN}
    keys = hidden // CONFIG["num_attention_heads"]
    draw, tensors = np.random.default_rng(3), {}
    for name, shape in SHAPES.items():
        shape = tuple(keys if "k_proj" in name or "v_proj" in name else ratio[size] for size in shape[:1]) + tuple(
            ratio[size] for size in shape[1:])
        tensors[name] = (0.1 * draw.standard_normal(shape) + (len(shape) == 1)).astype(np.float32)
    if poisoned is not None:
        tensors["model.embed_tokens.weight"][poisoned] = np.nan
    folder.mkdir()
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(
        CONFIG | {"vocab_size": VOCABULARY, "hidden_size": hidden, "intermediate_size": FFN, "head_dim": keys,
                  "attention_dropout": 0.0, "eos_token_id": data.EOS}))
    data.write_tokenizer(folder, VOCABULARY)


def weights(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.safetensors"))}


def checkpoints(output):
    """Folders of the output that hold a checkpoint, the oldest first."""
    return sorted((one for one in output.iterdir() if one.is_dir() and not one.name.startswith(".")),
                  key=lambda one: (len(one.name), one.name)) if output.exists() else []


class Runs(unittest.TestCase):
    """The model, the rows and the command line that the tests of a script share. The script's arguments are PROGRAM
    and the FOLDER that gets a folder for each test."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        write_model(self.folder / "model")
        self.rows = data.texts(1, VOCABULARY, data.some_lengths(2, ROWS))
        data.write_texts(self.folder / "data.jsonl", self.rows, VOCABULARY)

    def words(self, output, *more, model="model", rows="data.jsonl"):
        words = [PROGRAM, "finetune", "--model", model, "--data", rows, "--output", output, "--dtype", "float32",
                 "--device", "cpu", "--threads", 1, "--batch-size", BATCH, "--max-steps", STEPS, "--lr", 1e-3,
                 "--max-length", 64, "--save-every", 1, "--keep", 3, "--json", *more]
        return [str(word) for word in words]

    def run_to_end(self, output, *more, **options):
        done = self.run_any(output, *more, **options)
        self.assertEqual((done.returncode, self.errors(done)), (0, []), done.stderr)
        return json.loads(done.stdout)

    def run_any(self, output, *more, **options):
        return subprocess.run(self.words(output, *more, **options), cwd=self.folder, timeout=SECONDS, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())

    def errors(self, done):
        return [line for line in done.stderr.splitlines() if line.startswith("error:")]

    def refused(self, pattern, output, *more, status=1, **options):
        """The run ends with one line, which has these words."""
        done = self.run_any(output, *more, **options)
        self.assertEqual(done.returncode, status, done.stderr)
        lines = self.errors(done)
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertRegex(lines[0], pattern)

    def begin(self, output, *more):
        return subprocess.Popen(self.words(output, *more), cwd=self.folder, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=environment())

    def wait_for_step(self, log, count, process):
        """Returns when the log has so many lines more than when the process began; False if it has ended."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if log.exists() and log.read_text().count("\n") >= count:
                return True
            if process.poll() is not None:
                return False
            time.sleep(0.002)
        self.fail("no step within the time")
