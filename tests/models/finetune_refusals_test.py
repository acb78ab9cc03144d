"""Runs that `strata finetune` refuses before a step, and runs that have no result to write.

Usage: finetune_refusals_test.py PROGRAM FOLDER
"""

import json
import re
import shutil
import subprocess
import sys
import unittest

import numpy as np
import safetensors.numpy

import finetune_data as data
from finetune_runs import VOCABULARY, Runs, checkpoints, weights, write_model
from program import environment


class Refusals(Runs):
    def test_what_could_not_be_written_or_trained_is_refused_before_a_step(self):
        (self.folder / "file").write_text("")
        (self.folder / "file-of-data").write_text("<!DOCTYPE html>\n<html>mine</html>\n")
        kept = {one: one.read_bytes() for one in self.folder.rglob("*") if one.is_file()}
        cases = [(1, "file.*file", "file", []), (1, "file/out.*folder", "file/out", []),
                 (1, "none/page.html.*folder", "out", ["--html", "none/page.html"]),
                 (1, "none/trace.json.*folder", "out", ["--trace", "none/trace.json"]),
                 (1, "/dev/null.*no regular file", "out", ["--html", "/dev/null"]),
                 (2, "--html: file-of-data", "out", ["--html", "file-of-data"]),
                 (2, "--html: model/model.safetensors", "out", ["--html", "model/model.safetensors"]),
                 (2, "--trace: data.jsonl", "out", ["--trace", "data.jsonl"]),
                 (2, "--html: l is the file of --log", "out", ["--log", "l", "--html", "l"]),
                 (2, "--trace: ./p is the file of --html", "out", ["--html", "p", "--trace", "./p"]),
                 (2, "--attention: null computes no attention", "out", ["--attention", "null"]),
                 (2, "--offload.*keeps no bytes", "out", ["--offload", "null"]),
                 (2, "--offload-optimizer.*keeps no bytes", "out", ["--offload-optimizer", "null"]),
                 (2, "--lora-targets.*no module", "out", ["--lora", 2, "--lora-targets", ","]),
                 (2, r"--lora-targets: '\(\(' is no pattern", "out", ["--lora", 2, "--lora-targets", "(("]),
                 (2, "--lora-alpha.*more than 0", "out", ["--lora", 2, "--lora-alpha", 0]),
                 (2, "--offload-optimizer.*adapters", "out", ["--lora", 2, "--offload-optimizer", "nvme"]),
                 (2, "--offload device.*--offload-optimizer device", "out", ["--offload", "device"]),
                 (2, "device.*adafactor", "out", ["--offload-optimizer", "device", "--optimizer", "adafactor"])]
        for status, pattern, output, words in cases:
            with self.subTest(words or output):
                self.refused(pattern, output, *words, status=status)
        self.assertFalse((self.folder / "out").exists())
        self.assertEqual({one: one.read_bytes() for one in self.folder.rglob("*") if one.is_file()}, kept)

    def test_a_page_and_a_trace_replace_those_of_an_earlier_run(self):
        files = "--html", "page.html", "--trace", "trace.json", "--bench-steps", 1
        for output in ("first", "second"):
            self.run_to_end(output, *files)

    def test_a_token_without_a_row_in_the_table_is_named_while_the_data_is_read(self):
        shutil.copytree(self.folder / "model", self.folder / "narrow")
        data.write_tokenizer(self.folder / "narrow", 2 * VOCABULARY)
        letters = data.letters(2 * VOCABULARY)
        inside = next(letter for id, letter in letters.items() if id < VOCABULARY)
        id, outside = next((id, letter) for id, letter in letters.items() if id >= VOCABULARY)
        good = json.dumps({"text": 8 * inside}) + "\n"
        (self.folder / "good.jsonl").write_text(10 * good)
        (self.folder / "bad.jsonl").write_text(2 * good + json.dumps({"text": inside + outside + inside}) + "\n")
        pair = {"prompt": inside, "chosen": inside, "rejected": outside}
        (self.folder / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
        words = f"its token {id}, '{re.escape(outside)}', has no row in the model's table of {VOCABULARY}: .*" \
            "--resize-embeddings"
        for rows, line, more in (("bad", 3, []), ("bad", 3, ["--packing"]), ("bad", 3, ["--lora", 2]),
                                 ("good", 3, ["--validation", "bad.jsonl"]), ("pairs", 1, ["--critic"])):
            with self.subTest(rows=rows, more=more):
                named = more[1] if "--validation" in more else f"{rows}.jsonl"
                self.refused(f"error: {named}:{line}: {words}", "out", *more, model="narrow", rows=f"{rows}.jsonl")
        self.assertFalse((self.folder / "out").exists())
        self.run_to_end("out", "--resize-embeddings", 1, "--bench-steps", 1, model="narrow", rows="bad.jsonl")

    def test_a_run_that_changed_no_weight_or_cannot_be_validated_is_none(self):
        shutil.copytree(self.folder / "model", self.folder / "broken")
        file = self.folder / "broken/model.safetensors"
        tensors = safetensors.numpy.load_file(file)
        tensors["model.norm.weight"][0] = np.nan
        safetensors.numpy.save_file(tensors, file)
        skip = "--on-nan", "skip", "--bench-steps", 3
        for more in ([], ["--validation", "0.5"], ["--lora", 2]):
            with self.subTest(more):
                self.refused("every step was skipped.*no model is written", "broken-out", *skip, *more, model="broken")
                self.assertEqual(weights(self.folder / "broken-out"), {})
                self.assertFalse((self.folder / "broken-out/config.json").exists())
                shutil.rmtree(self.folder / "broken-out")
        bad, other = sorted(data.letters(VOCABULARY))[7:9]
        write_model(self.folder / "poisoned", poisoned=bad)
        rows = [[other if id == bad else id for id in row] for row in self.rows]
        data.write_texts(self.folder / "clean.jsonl", rows, VOCABULARY)
        rows[1][3] = bad
        data.write_texts(self.folder / "poisoned.jsonl", rows, VOCABULARY)
        both = {"model": "poisoned", "rows": "clean.jsonl"}
        validated = "--validation", "poisoned.jsonl", "--bench-steps", 3
        self.refused("last validation loss is no number.*checkpoint is bad/checkpoint-3", "bad", *validated, **both)
        self.assertEqual(weights(self.folder / "bad"), {})
        self.assertEqual(checkpoints(self.folder / "bad")[-1].name, "checkpoint-3")
        # The trained weights are kept, also where no checkpoint was asked for.
        words = self.words("kept", *validated, **both)
        at = words.index("--save-every")
        done = subprocess.run(words[:at] + words[at + 4:], cwd=self.folder, capture_output=True, env=environment())
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual([one.name for one in (self.folder / "kept").iterdir()], ["checkpoint-3"])
        # One step of three is skipped, and the run says so.
        made = self.run_to_end("some", "--shuffle", "off", *skip, model="poisoned", rows="poisoned.jsonl")
        self.assertEqual(made["report"]["skipped_steps"], 1)
        done = self.run_any("said", "--shuffle", "off", *skip, model="poisoned", rows="poisoned.jsonl")
        self.assertIn("\n1 of 3 steps were skipped: a loss or gradient was no number\n", done.stderr)
        made = self.run_to_end("none", "--bench-steps", 2)
        self.assertEqual(made["report"]["skipped_steps"], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
