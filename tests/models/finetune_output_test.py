"""The output of `strata finetune`: where it may lie, one run in it at a time, and room for it. What cannot be written is refused before a step, and a log that has no room does not end a run.

Usage: finetune_output_test.py PROGRAM FOLDER
Some tests need the right to mount; without it they say so and are skipped.
"""

import json
import subprocess
import sys
import unittest

import finetune_runs as runs
from finetune_runs import SECONDS, weights
from program import environment
from tiny_disk import tiny_disk

FEW = "--bench-steps", 2


class Output(runs.Runs):
    def words(self, output, *more, **options):
        """Without checkpoints, and with the number of steps of `more` if it has one."""
        words = super().words(output, *more, **options)
        for name in ("--save-every", "--keep", *(["--max-steps"] if "--max-steps" in more else [])):
            at = words.index(name)
            words = words[:at] + words[at + 2:]
        return words

    def strata(self, *words, folder=None):
        return subprocess.run([runs.PROGRAM, *map(str, words)], cwd=folder or self.folder, timeout=SECONDS, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())

    def files(self, name):
        return sorted(one.name for one in (self.folder / name).iterdir())

    def test_an_output_may_be_a_link_a_mount_point_or_the_current_folder(self):
        self.run_to_end("plain", *FEW)
        names = self.files("plain")
        self.assertIn("config.json", names)
        for name in ("real", "here"):
            (self.folder / name).mkdir()
        (self.folder / "link").symlink_to("real")
        (self.folder / "again").symlink_to("real")
        self.run_to_end("link/", *FEW)
        self.assertTrue((self.folder / "link").is_symlink())
        words = self.words(".", *FEW, model="../model", rows="../data.jsonl")
        done = self.strata(*words[1:], folder=self.folder / "here")
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("real", "here"):
            self.assertEqual((self.files(name), weights(self.folder / name)), (names, weights(self.folder / "plain")))
        self.refused("again: it exists and is not empty", "again", *FEW)
        lora = "--lora", 2, "--lora-targets", "q_proj"
        self.run_to_end("adapter", *FEW, *lora, "--lora-merge")
        (self.folder / "empty").mkdir()
        self.run_to_end("empty", *FEW, *lora, "--lora-merge")
        self.assertEqual(self.files("empty"), self.files("adapter"))
        self.assertEqual(weights(self.folder / "empty"), weights(self.folder / "adapter"))
        tiny_disk(self, 4 << 20)
        self.run_to_end("disk", *FEW)
        self.assertEqual((self.files("disk"), weights(self.folder / "disk")), (names, weights(self.folder / "plain")))

    def test_imports_and_quantized_copies_go_through_links_and_into_folders_that_are_there(self):
        for words in (["import"], ["quantize", "--quant", "int8"]):
            name = words[0]
            for place in ("there", "link-to"):
                (self.folder / f"{name}-{place}").mkdir()
            (self.folder / f"{name}-link").symlink_to(f"{name}-link-to")
            for output in ("new", "there", "link"):
                done = self.strata(*words, "--model", "model", "--output", f"{name}-{output}")
                self.assertEqual(done.returncode, 0, done.stderr)
            for output in ("there", "link"):
                self.assertEqual(self.files(f"{name}-{output}"), self.files(f"{name}-new"))
            (self.folder / f"{name}-here").mkdir()
            done = self.strata(*words, "--model", "../model", "--output", ".", folder=self.folder / f"{name}-here")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.files(f"{name}-here"), self.files(f"{name}-new"))

    def test_a_link_to_nothing_is_refused_before_anything_is_trained_or_written(self):
        (self.folder / "dangling").symlink_to("nowhere")
        for words in (self.words("dangling", *FEW)[1:], ["import", "--model", "model", "--output", "dangling"],
                      ["quantize", "--model", "model", "--quant", "int8", "--output", "dangling"]):
            done = self.strata(*words)
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
            self.assertRegex(self.errors(done)[0], "dangling: it is a link to a folder that is not there: make that")
            self.assertNotIn("Step", done.stderr)

    def test_too_little_room_for_the_model_is_refused_before_a_step(self):
        size = (self.folder / "model/model.safetensors").stat().st_size
        disk = tiny_disk(self, size // 2)
        done = self.run_any("disk/out", *FEW)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(self.errors(done)[0], "disk/out: what is trained will need .*free: make room")
        self.assertNotIn("Step", done.stderr)
        self.assertEqual(list(disk.iterdir()), [])
        self.run_to_end("disk/out", *FEW, "--lora", 2, "--lora-targets", "q_proj")  # it needs less

    def test_a_full_disk_under_the_log_ends_the_log_alone(self):
        self.run_to_end("plain", *FEW)
        done = self.run_any("out", *FEW, "--log", "/dev/full")
        self.assertEqual((done.returncode, self.errors(done)), (0, []), done.stderr)
        self.assertEqual(done.stderr.count("training goes on"), 1, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)["steps"]), 2)
        self.assertEqual(weights(self.folder / "out"), weights(self.folder / "plain"))

    def test_a_second_run_is_refused_while_the_first_lasts_and_not_behind_a_kill(self):
        log = self.folder / "log.jsonl"
        first = self.begin("out", "--log", log, "--max-steps", 100_000, "--bench-steps", 50_000)
        self.addCleanup(first.communicate)
        self.addCleanup(first.kill)
        self.assertTrue(self.wait_for_step(log, 1, first))
        self.refused(f"out: process {first.pid} on .* trains into it: wait for its end, or give another --output",
                     "out", *FEW)
        self.refused(f"process {first.pid} on", "out", *FEW, "--resume", "latest")
        first.kill()
        first.communicate()
        self.assertEqual(self.files("out"), [".lock"])
        self.run_to_end("out", *FEW)
        self.assertNotIn(".lock", self.files("out"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
