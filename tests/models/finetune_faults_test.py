"""Faults while `strata finetune` runs: it is killed, its disk is full, its data or checkpoints are damaged. Each ends
in one line, loses no finished step before the last save, and the run can be resumed to the same bits.

Usage: finetune_faults_test.py PROGRAM FOLDER
A full disk needs the right to mount; without it that test says so and is skipped.
"""

import random
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import numpy as np
import safetensors.numpy

import finetune_data as data
import finetune_runs as runs
from finetune_runs import BATCH, HIDDEN, ROWS, SECONDS, STEPS, VOCABULARY, checkpoints, weights, write_model
from tiny_disk import tiny_disk

KILLS = 7


class Faults(runs.Runs):
    def wait_for_save(self, output, process):
        """Returns while a checkpoint is being written, or when the process has ended."""
        while process.poll() is None and not any((self.folder / output).glob("checkpoint-*.part-*")):
            time.sleep(0.0005)

    def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(self):
        want = self.run_to_end("whole")
        draw, log, killed, arguments = random.Random(5), self.folder / "log.jsonl", 0, ()
        for number in range(KILLS):
            log.unlink(missing_ok=True)
            process = self.begin("killed", "--log", log, *arguments)
            # A checkpoint is written beside the next step, and the one behind that waits for it.
            if self.wait_for_step(log, 3, process):
                if number % 2:
                    self.wait_for_save("killed", process)
                time.sleep(draw.uniform(0, 0.03))
                process.kill()
                killed += process.wait() == -signal.SIGKILL
            process.communicate()
            there = checkpoints(self.folder / "killed")
            self.assertTrue(there, "three steps are done, and no checkpoint is there")
            arguments = ("--resume", "latest")
            if process.returncode == 0:
                break
        self.assertGreater(killed, 1, "the runs ended before they were killed")
        if process.returncode != 0:
            got = self.run_to_end("killed", *arguments)
            # Times differ, and the first pass of a run fetches what the pass before fetches in any other step.
            other = {"seconds", "eta_seconds", "moved_to_device"}
            self.assertEqual(*([{key: value for key, value in step.items() if key not in other}
                                for step in made["steps"][-len(got["steps"]):]] for made in (got, want)))
        self.assertEqual(weights(self.folder / "killed"), weights(self.folder / "whole"))
        names = [sorted(one.name for one in (self.folder / output).iterdir()) for output in ("killed", "whole")]
        self.assertEqual(*names)

    def test_the_first_signal_ends_a_run_behind_its_step(self):
        self.run_to_end("whole")
        for number, status, times in ((signal.SIGTERM, 143, 1), (signal.SIGINT, 130, 1), (signal.SIGINT, 130, 2)):
            with self.subTest(status=status, times=times):
                output, log = f"signal{status}-{times}", self.folder / f"log{status}-{times}.jsonl"
                process = self.begin(output, "--log", log)
                self.assertTrue(self.wait_for_step(log, 3, process))
                for _ in range(times):  # the second one ends the run at once, and a save that is under way
                    process.send_signal(number)
                    time.sleep(0.002)
                _, said = process.communicate(timeout=SECONDS)
                self.assertEqual(process.returncode, status, said)
                self.assertTrue(checkpoints(self.folder / output))
                self.run_to_end(output, "--resume", "latest")
                self.assertEqual(weights(self.folder / output), weights(self.folder / "whole"))
                names = [sorted(one.name for one in (self.folder / one).iterdir()) for one in (output, "whole")]
                self.assertEqual(*names)

    def test_a_signal_before_the_first_step_ends_a_run_at_once(self):
        for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(status=status):
                for attempt in range(4):  # on a loaded machine a signal may come too late
                    output, log = self.folder / f"early{status}-{attempt}", self.folder / f"early{status}-{attempt}.jsonl"
                    process = self.begin(output.name, "--log", log)
                    while line := process.stderr.readline():
                        if line.startswith("data: "):  # it plans, and loads LibTorch
                            break
                    process.send_signal(number)
                    _, said = process.communicate(timeout=SECONDS)
                    self.assertEqual(process.returncode, status, said)
                    if not output.exists():
                        break
                self.assertFalse(output.exists(), "it made a step")
                self.assertNotIn("ending after a checkpoint", said)
                self.assertEqual(log.read_text() if log.exists() else "", "")

    def test_a_disk_that_has_no_room_for_states_or_weights_is_named_before_a_step(self):
        tiny_disk(self, 64 << 10)
        for option in ("--offload", "--offload-optimizer"):
            with self.subTest(option):
                self.refused("disk: no room for [0-9]+ bytes", "out", option, "nvme", "--offload-dir", "disk")
                self.assertFalse((self.folder / "out").exists())

    def test_a_full_disk_ends_a_run_and_its_last_checkpoint_is_whole(self):
        self.run_to_end("whole")
        one = max(sum(file.stat().st_size for file in part.rglob("*") if file.is_file())
                  for part in checkpoints(self.folder / "whole"))
        disk = tiny_disk(self, 2 * one + one // 2)
        self.refused("disk/out.*No space left on device", "disk/out")
        self.assertEqual([one.name for one in (disk / "out").iterdir() if ".part-" in one.name], [])
        self.assertEqual([one.name for one in checkpoints(disk / "out")], ["checkpoint-1", "checkpoint-2"])
        subprocess.run(["mount", "-o", f"remount,size={40 * one}", disk], check=True)
        self.run_to_end("disk/out", "--resume", "latest")
        self.assertEqual(weights(disk / "out"), weights(self.folder / "whole"))

    def test_a_poisoned_row_stops_the_run_with_the_step_before_it_saved_or_is_skipped(self):
        bad = sorted(data.letters(VOCABULARY))[7]
        write_model(self.folder / "poisoned", poisoned=bad)
        other = sorted(data.letters(VOCABULARY))[8]
        rows = [[other if id == bad else id for id in row] for row in self.rows]
        rows[5 * BATCH][3] = bad  # in step 6
        data.write_texts(self.folder / "poisoned.jsonl", rows, VOCABULARY)
        both = {"model": "poisoned", "rows": "poisoned.jsonl"}
        self.refused("no number", "stopped", "--shuffle", "off", **both)
        made = self.run_to_end("stopped", "--shuffle", "off", "--resume", "latest", "--on-nan", "skip", **both)
        self.assertEqual(made["steps"][0]["step"], 6)
        skipped = self.run_to_end("skipped", "--shuffle", "off", "--on-nan", "skip", **both)
        self.assertEqual(weights(self.folder / "stopped"), weights(self.folder / "skipped"))
        table = safetensors.numpy.load_file(self.folder / "skipped/model.safetensors")
        finite = [name for name, tensor in table.items() if np.isfinite(tensor).all()]
        self.assertEqual(len(table) - len(finite), 1)  # the table that was poisoned
        self.assertEqual(len(skipped["steps"]), STEPS)
        # The loss is no number: no unit is updated, though updates begin within the backward.
        self.refused("no number.*holds the step before", "early", "--shuffle", "off", "--clip", 0, **both)
        self.assertEqual(checkpoints(self.folder / "early")[-1].name, "checkpoint-5")

    def test_a_gradient_that_overflows_behind_updates_says_how_many_were_made(self):
        bad, other = sorted(data.letters(VOCABULARY))[7:9]
        shutil.copytree(self.folder / "model", self.folder / "steep")
        file = self.folder / "steep/model.safetensors"
        tensors = safetensors.numpy.load_file(file)
        # The values of one token are about 1e10, so that the gradient of what they are multiplied by is more than
        # float16 holds.
        tensors["model.embed_tokens.weight"][:, 0] = 0
        tensors["model.embed_tokens.weight"][bad] = np.eye(1, HIDDEN, dtype=np.float32)
        tensors["model.layers.0.self_attn.v_proj.weight"][:, 0] = 1e9
        tensors["model.layers.0.self_attn.o_proj.weight"] *= np.float32(1e-10)
        safetensors.numpy.save_file(tensors, file)
        rows = [[other if id == bad else id for id in row] for row in self.rows]
        rows[BATCH][0] = bad  # in step 2; the rate of the first one is 0
        data.write_texts(self.folder / "steep.jsonl", rows, VOCABULARY)
        words = ("--shuffle", "off", "--clip", 0, "--warmup", 4, "--reduce-dtype", "float16", "--bench-steps", 2)
        both = {"model": "steep", "rows": "steep.jsonl"}
        self.refused("2 of 4 units were updated before it: the last whole checkpoint is stopped/checkpoint-1: ",
                     "stopped", *words, **both)
        self.assertEqual([one.name for one in checkpoints(self.folder / "stopped")], ["checkpoint-1"])
        made = self.run_to_end("skipped", *words, "--on-nan", "skip", **both)
        self.assertEqual([step.get("updated_units") for step in made["steps"]], [None, 2])
        self.assertEqual([step["skipped"] for step in made["steps"]], [False, True])
        got = safetensors.numpy.load_file(self.folder / "skipped/model.safetensors")
        same = {name for name, tensor in tensors.items() if np.array_equal(tensor, got[name])}
        self.assertEqual(same, {name for name in tensors if "embed" in name or "attn" in name or "input_" in name})

    def test_an_infinite_loss_changes_no_weight_though_its_gradient_is_finite(self):
        letter, other = sorted(data.letters(VOCABULARY))[3:5]
        shutil.copytree(self.folder / "model", self.folder / "infinite")
        file = self.folder / "infinite/model.safetensors"
        tensors = safetensors.numpy.load_file(file)
        # One element of the head's input is about 4e19 for all tokens, so that logits are 2.4e38 and -2.4e38: their
        # difference is more than float32 holds, but the gradient is of the size of 1e35.
        tensors["model.embed_tokens.weight"][:, 0] = 10
        tensors["model.norm.weight"][0] = 6e18
        tensors["lm_head.weight"][[letter, data.EOS], 0] = 6e18
        tensors["lm_head.weight"][other, 0] = -6e18
        safetensors.numpy.save_file(tensors, file)
        rows = [[letter] * 60 for _ in self.rows]
        rows[BATCH][3] = other  # in step 2
        data.write_texts(self.folder / "infinite.jsonl", rows, VOCABULARY)
        both = {"model": "infinite", "rows": "infinite.jsonl"}
        self.run_to_end("first", "--shuffle", "off", "--bench-steps", 1, **both)
        made = self.run_to_end("skipped", "--shuffle", "off", "--bench-steps", 2, "--on-nan", "skip", **both)
        self.assertEqual([step["loss"] is None for step in made["steps"]], [False, True])
        self.assertEqual([step["skipped"] for step in made["steps"]], [False, True])
        self.assertEqual(weights(self.folder / "first"), weights(self.folder / "skipped"))
        self.refused("no number.*checkpoint", "stopped", "--shuffle", "off", "--bench-steps", 2, **both)
        self.assertEqual([one.name for one in checkpoints(self.folder / "stopped")], ["checkpoint-1"])

    def test_a_damaged_checkpoint_is_refused_by_name(self):
        self.run_to_end("whole")
        last = checkpoints(self.folder / "whole")[-1]
        files = sorted((file for file in last.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
        for file in {files[0], files[len(files) // 2], files[-1]}:
            name = file.relative_to(last)
            for damage in ("cut", "gone", "flipped"):
                with self.subTest(file=str(name), damage=damage):
                    copy = self.folder / "copy"
                    shutil.copytree(self.folder / "whole", copy)
                    self.addCleanup(shutil.rmtree, copy, ignore_errors=True)
                    hurt = copy / last.name / name
                    content = bytearray(hurt.read_bytes())
                    if damage == "gone":
                        hurt.unlink()
                    elif damage == "cut":
                        hurt.write_bytes(content[:len(content) // 2])
                    else:
                        content[len(content) // 2] ^= 0x40
                        hurt.write_bytes(content)
                    self.refused(f"copy/{last.name}", "copy", "--resume", f"copy/{last.name}")
                    shutil.rmtree(copy)

    def test_another_run_cannot_resume_a_checkpoint(self):
        self.run_to_end("whole", "--bench-steps", 6, "--save-checkpoint")
        write_model(self.folder / "wider", hidden=2 * HIDDEN)
        changed = [*self.rows[:-1], self.rows[0]]
        data.write_texts(self.folder / "changed.jsonl", changed, VOCABULARY)
        cases = {"lr": ({}, ["--lr", "2e-3"]), "schedule": ({}, ["--schedule", "cosine"]),
                 "model": ({"model": "wider"}, []), "data": ({"rows": "changed.jsonl"}, []),
                 "batch.size": ({}, ["--batch-size", "1"]),
                 'hidden_act = "relu" here, "silu" in': ({}, ["--set", "config.hidden_act=relu"]),
                 "_dropout = 0.5 here, .* in.*--dropout": ({}, ["--dropout", "0.5"]),
                 "--init-seed: 3 here, none in": ({}, ["--init-seed", "3"])}
        before = {file: file.read_bytes() for file in (self.folder / "whole").rglob("*") if file.is_file()}
        for name, (options, words) in cases.items():
            with self.subTest(name):
                done = self.run_any("whole", "--resume", "latest", *words, **options)
                self.assertIn(done.returncode, (1, 2), done.stderr)
                self.assertEqual(len(self.errors(done)), 1, done.stderr)
                self.assertRegex(self.errors(done)[0], name)
        done = self.run_any("whole")
        self.assertIn(done.returncode, (1, 2), done.stderr)
        self.assertRegex(self.errors(done)[0], "whole.*resume")
        self.assertEqual(before, {file: file.read_bytes() for file in before})

    def test_too_little_host_memory_is_refused_with_the_least_that_is_enough(self):
        tiers = "--offload", "cpu", "--offload-optimizer", "cpu"
        self.refused(r"--host-memory.*weights.*states.*gradients.*give at least \d+.*--offload", "small", *tiers,
                     "--host-memory", "1KiB")
        least = self.least_host_memory(*tiers)
        self.refused(f"give at least {least}", "small", *tiers, "--host-memory", least - 1)
        made = self.run_to_end("small", *tiers, "--host-memory", least, "--bench-steps", 1)
        host = made["report"]["host"]
        # Two moments in float32, whose units begin at pages; the weights are their own masters.
        states = 8 * sum(one.size for one in safetensors.numpy.load_file(
            self.folder / "model/model.safetensors").values())
        self.assertTrue(states <= least - host["weights"] - host["gradients"] < states + 20 * 4096, (least, host))

    def test_what_has_no_room_in_host_memory_goes_to_disk(self):
        (self.folder / "disk").mkdir()
        whole = self.least_host_memory("--offload", "cpu", "--offload-optimizer", "cpu")
        states = self.least_host_memory("--offload", "cpu")
        least = self.least_host_memory()
        self.assertTrue(least < states < whole, (least, states, whole))
        losses = set()
        for number, (limit, places) in enumerate(((whole, (0, 0)), (whole - 1, (0, 1)), (states - 1, (1, 1)))):
            made = self.run_to_end(f"run-{number}", "--host-memory", limit, "--offload-dir", "disk", "--bench-steps", 3)
            files = made["report"]["files"]
            self.assertEqual((files["weights"] > 0, files["states"] > 0), places)
            losses.add(tuple(step["loss"] for step in made["steps"]))
        self.assertEqual(len(losses), 1)

    def least_host_memory(self, *more):
        refused = self.errors(self.run_any("small", *more, "--offload-dir", ".", "--host-memory", "1"))
        return int(re.search(r"give at least (\d+)", refused[0])[1])

    def test_adapters_are_resumed_beside_the_same_model_alone(self):
        lora = "--lora", 2, "--lora-targets", "q_proj"
        self.run_to_end("whole", *lora, "--bench-steps", 3, "--save-checkpoint")
        shutil.copytree(self.folder / "model", self.folder / "other")
        tensors = safetensors.numpy.load_file(self.folder / "other/model.safetensors")
        name = next(name for name in tensors if "v_proj" in name)
        safetensors.numpy.save_file(tensors | {name: 1.5 * tensors[name]}, self.folder / "other/model.safetensors")
        self.refused("--model.*not the one", "whole", *lora, "--resume", "latest", status=2, model="other")
        made = self.run_to_end("whole", *lora, "--resume", "latest")
        self.assertEqual(made["steps"][0]["step"], 4)

    def test_a_step_has_no_more_micro_batches_than_an_epoch(self):
        made = self.run_to_end("many", "--gradient-accumulation-steps", 1_000_000, "--bench-steps", 1)
        want = self.run_to_end("all", "--gradient-accumulation-steps", ROWS // BATCH, "--bench-steps", 1)
        self.assertEqual(made["steps"][0]["loss"], want["steps"][0]["loss"])
        self.assertEqual(made["report"]["host"], want["report"]["host"])

    def test_rows_that_cannot_be_read_are_named(self):
        good = (self.folder / "data.jsonl").read_text()
        for text, words in (("{\"text\": \"ab", "3"), ("{\"tekst\": \"ab\"}", "3"), ("[1, 2]", "3"), ("\x00\xff", "3")):
            with self.subTest(text):
                lines = good.splitlines()
                lines[2] = text
                (self.folder / "bad.jsonl").write_text("\n".join(lines), encoding="latin-1")
                done = self.run_any("bad", rows="bad.jsonl")
                self.assertIn(done.returncode, (1, 2), done.stderr)
                self.assertEqual(len(self.errors(done)), 1, done.stderr)
                self.assertRegex(self.errors(done)[0], f"bad.jsonl.*{words}")
                self.assertFalse((self.folder / "bad").exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
