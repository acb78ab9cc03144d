"""The output of `strata finetune`: where it may lie, one run in it at a time, room for it, and the configuration that it
has. What cannot be written is refused before a step, and a log that has no room does not end a run.

Usage: finetune_output_test.py PROGRAM FOLDER
Some tests need the right to mount; without it they say so and are skipped.
"""

import json
import shutil
import signal
import subprocess
import sys
import unittest

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
import transformers

import finetune_data as data
import finetune_runs as runs
from finetune_runs import SECONDS, VOCABULARY, checkpoints, weights
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

    def test_keys_of_the_configuration_are_written_with_the_weights_that_they_leave(self):
        self.write_two_layers()
        keys = "--set", "config.num_hidden_layers=1", "--set", "config.hidden_act=relu"
        self.run_to_end("tuned", *FEW, *keys, model="deep")
        for name, words in (("imported", ["import"]), ("packed", ["quantize", "--quant", "int8"])):
            done = self.strata(*words, "--model", "deep", "--output", name, *keys)
            self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("tuned", "imported", "packed"):
            with self.subTest(name):
                config = json.loads((self.folder / name / "config.json").read_text())
                self.assertEqual((config["num_hidden_layers"], config["hidden_act"]), (1, "relu"))
                names = set(safetensors.numpy.load_file(self.folder / name / "model.safetensors"))
                self.assertEqual([one for one in names if "layers.1." in one], [])
                self.assertIn("vision.weight", names)  # neither configuration uses it
        self.same_logits("tuned", "deep", *keys, differ=True)
        self.same_logits("imported", "deep", *keys)

    def write_two_layers(self):
        """The model with a second layer, and a tensor that no language model has."""
        shutil.copytree(self.folder / "model", self.folder / "deep")
        file = self.folder / "deep/model.safetensors"
        tensors = safetensors.numpy.load_file(file)
        more = {name.replace("layers.0.", "layers.1."): 0.5 * tensor for name, tensor in tensors.items()
                if "layers.0." in name}
        more["vision.weight"] = np.ones((2, 2), np.float32)
        safetensors.numpy.save_file(tensors | more, file)
        config = json.loads((self.folder / "deep/config.json").read_text())
        (self.folder / "deep/config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))

    def same_logits(self, made, model, *keys, differ=False):
        """The folder loads in transformers with the logits that Strata has for it; they are those of the model with
        the same keys, or others where it was trained."""
        ids = sorted(data.letters(VOCABULARY))[:9]
        logits = {}
        for name, more in ((made, ()), (model, keys)):
            file = self.folder / f"{name}-{made}.safetensors"
            done = self.strata("logits", "--model", name, "--input-ids", ",".join(map(str, ids)), "--output", file,
                               "--dtype", "float32", "--device", "cpu", *more)
            self.assertEqual(done.returncode, 0, done.stderr)
            (logits[name],) = safetensors.torch.load_file(file).values()
        reference = transformers.AutoModelForCausalLM.from_pretrained(self.folder / made, dtype=torch.float32)
        with torch.no_grad():
            want = reference(torch.tensor([ids])).logits[0]
        torch.testing.assert_close(logits[made].reshape(want.shape), want, rtol=1e-4, atol=1e-4)
        self.assertEqual(torch.equal(logits[made], logits[model]), not differ)

    def test_a_signal_ends_a_validation_behind_its_batch(self):
        held = data.texts(5, VOCABULARY, data.some_lengths(6, 1000))
        data.write_texts(self.folder / "held.jsonl", held, VOCABULARY)
        words = "--max-steps", 4, "--validation", "held.jsonl", "--validate-every", 2, "--log"
        want = self.run_to_end("whole", *words, "whole.jsonl")
        log = self.folder / "log.jsonl"
        process = self.begin("out", *words, log)
        self.assertTrue(self.wait_for_step(log, 2, process))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, self.errors_in(said)), (143, []), said)
        self.assertEqual(said.count("strata: ending after a checkpoint; once more ends at once\n"), 1, said)
        self.assertNotIn("validation", log.read_text())
        self.assertEqual([one.name for one in checkpoints(self.folder / "out")], ["checkpoint-2"])
        got = self.run_to_end("out", *words, log, "--resume", "latest")
        self.assertEqual(weights(self.folder / "out"), weights(self.folder / "whole"))
        losses = [[(one["step"], one["loss"]) for one in made["validation"]] for made in (got, want)]
        self.assertEqual(*losses)
        self.assertEqual([step for step, _ in losses[0]], [2, 4])

    def errors_in(self, said):
        return [line for line in said.splitlines() if line.startswith("error:")]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
