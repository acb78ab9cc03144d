"""--quant runs from a file that the next start finds, keeps few of them, and leaves nothing half-made.

Usage: quant_cache_test.py PROGRAM FOLDER
"""

import os
import signal
import subprocess
import sys
import time

import quant_cases
import quietly
from program import Many, environment
from quant_cases import PROMPT, ROWS, files_of
from row import Row
from stored import store

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
quant_cases.Folders.PROGRAM, quant_cases.Folders.PARENT = PROGRAM, PARENT


class Cache(quant_cases.Folders):
    """The file of packed weights."""

    def report(self, folder, *options):
        return PROGRAM.generate(folder, [PROMPT], 1, "--ignore-eos", *options)["report"]

    def test_the_second_start_reads_the_small_file(self):
        folder = self.model(ROWS["llama"])
        first = self.report(folder, "--quant", "Q8_0")
        second = self.report(folder, "--quant", "Q8_0")
        self.assertEqual(first["quant"]["cache"], "made")
        self.assertEqual(second["quant"]["cache"], "found")
        self.assertEqual(first["quant"]["name"], "Q8_0")
        self.assertEqual(first["quant"]["packed"], 14)
        kept = files_of(folder / ".strata-quant")
        self.assertEqual(len(kept), 1)
        size = (folder / ".strata-quant" / kept[0]).stat().st_size
        self.assertLess(size, (folder / "model.safetensors").stat().st_size)
        # Each weight is loaded once, beside the ends of its reads, from the small file alone.
        self.assertLess(second["moved"]["load"]["counted"], size + 64 * 4096)
        self.assertEqual(second["weights"]["bytes"], second["quant"]["bytes"])
        # The checkpoint's weights are not read again: other ones there change nothing.
        whole, before = folder / "model.safetensors", (folder / "model.safetensors").stat()
        want = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0")
        with open(whole, "r+b") as file:
            file.seek(before.st_size // 2)
            file.write(bytes(4096))
        os.utime(whole, ns=(before.st_atime_ns, before.st_mtime_ns))
        made = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0")
        self.assertEqual(abs(made - want).max(), 0)

    def test_what_the_file_is_made_from_counts(self):
        folder = self.model(ROWS["llama"])
        place = self.parent / "cache"
        for words in (["--quant", "Q8_0"], ["--quant", "Q4_0"],
                      ["--quant", "Q8_0", "--quant-rule", "q_proj=none"]):
            with self.subTest(words=words):
                words += ["--quant-cache", place]
                self.assertEqual(self.report(folder, *words)["quant"]["cache"], "made")
                self.assertEqual(self.report(folder, *words)["quant"]["cache"], "found")
        store(folder, lambda all: {name: tensor * 2 for name, tensor in all.items()})
        again = self.report(folder, "--quant", "Q8_0", "--quant-cache", place)
        self.assertEqual(again["quant"]["cache"], "made")
        self.assertEqual(len(files_of(place)), 4)

    def test_few_files_of_a_model_stay(self):
        folder, other = self.model(ROWS["llama"]), self.model(ROWS["gpt2"], "other")
        place = self.parent / "cache"
        self.report(other, "--quant", "Q8_0", "--quant-cache", place)
        theirs = files_of(place)
        for scheme in ("Q8_0", "Q4_0", "Q4_1", "int8", "int4", "MXFP4_SPLIT"):
            self.report(folder, "--quant", scheme, "--quant-cache", place)
            time.sleep(0.02)  # the files differ in their times
        kept = files_of(place)
        self.assertEqual(len(kept), 5)
        self.assertLess(set(theirs), set(kept))
        last = self.report(folder, "--quant", "MXFP4_SPLIT", "--quant-cache", place)
        self.assertEqual(last["quant"]["cache"], "found")
        first = self.report(folder, "--quant", "Q8_0", "--quant-cache", place)
        self.assertEqual(first["quant"]["cache"], "made")

    def test_off_leaves_nothing(self):
        folder = self.model(ROWS["llama"])
        before = files_of(folder)
        kept = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0", "--quant-cache",
                              self.parent / "cache")
        for tier in ("device", "cpu", "nvme"):
            made = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0", "--quant-cache", "off",
                                  "--offload", tier)
            with self.subTest(tier=tier):
                self.assertEqual(abs(made - kept).max(), 0)
                self.assertEqual(files_of(folder), before)
        self.assertEqual(self.report(folder, "--quant", "Q8_0", "--quant-cache",
                                     "off")["quant"]["cache"], "off")

    def test_a_damaged_file_is_made_again(self):
        folder = self.model(ROWS["llama"])
        want = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0")
        file, = (folder / ".strata-quant").iterdir()
        whole = file.read_bytes()
        for damaged in (whole[:-100], b"", whole.replace(b"codes", b"codex", 1),
                        whole.replace(b"Q8_0", b"Q4_0"), whole.replace(b"model.norm", b"model.norn"),
                        whole.replace(b"F32", b"I32"), whole.replace(b"up_proj.weight", b"up_proj.weighs")):
            file.write_bytes(damaged)
            with self.subTest(bytes=len(damaged)):
                self.assertEqual(abs(PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0") - want).max(),
                                 0)
                self.assertEqual(file.read_bytes(), whole)

    def test_two_at_once_make_one_file(self):
        folder = self.model(ROWS["llama"])
        words = [sys.argv[1], "generate", "--model", folder, "--input-ids", "1,2,3",
                 "--max-new-tokens", "2", "--json", "--device", "cpu", "--threads", "1", "--quant",
                 "Q8_0"]
        running = [subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, env=environment()) for _ in range(3)]
        printed = [one.communicate(timeout=300) for one in running]
        self.assertEqual([one.returncode for one in running], [0, 0, 0], printed)
        self.assertEqual(len(files_of(folder / ".strata-quant")), 1)

    def test_an_interrupted_run_leaves_nothing(self):
        row = Row("", ROWS["llama"].config | {"intermediate_size": 256 * 40, "hidden_size": 256}, "")
        folder = self.model(row)
        running = subprocess.Popen(
            [sys.argv[1], "generate", "--model", str(folder), "--input-ids", "1", "--quant", "Q8_0",
             "--device", "cpu", "--threads", "1"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=environment())
        cache = folder / ".strata-quant"
        end = time.monotonic() + 120
        while running.poll() is None and not files_of(cache) and time.monotonic() < end:
            time.sleep(0.001)
        seen = files_of(cache)
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=60)
        self.assertIn(".part-", seen[0], seen)
        self.assertEqual(files_of(cache), [])


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
