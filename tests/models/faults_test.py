"""Faults of the machine: a full disk, no locked memory, a file that may not be read.

Usage: faults_test.py PROGRAM FOLDER
Some of these need root; without it they say so and are skipped.
"""

import ctypes
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

from malformed_inputs import write_folder, write_gguf
from tiny_disk import tiny_disk

PROGRAM, PARENT = sys.argv[1:3]
IDS = ["--input-ids", ",".join(map(str, range(64)))]
NOBODY = 65534
PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14


def without_locked_memory():
    """Removes the right to lock more than 4096 bytes; root loses its privilege when the program starts."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096))


class Faults(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        write_folder(self.folder / "model")
        write_gguf(self.folder / "model.gguf")

    def refused(self, arguments, line, folder=None, **more):
        done = subprocess.run([PROGRAM, *arguments], cwd=folder or self.folder, timeout=60, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        self.assertRegex(done.stderr, r"\Aerror: " + line + r"\n\Z")
        self.assertEqual((done.returncode, done.stdout), (1, ""))

    def test_a_full_disk_ends_an_import_and_leaves_nothing(self):
        disk = tiny_disk(self, 12288)
        self.refused(["import", "model.gguf", "--output", "disk/out"],
                     "disk/out: writing failed: No space left on device: "
                     "make room on the disk or write elsewhere")
        self.assertEqual(list(disk.iterdir()), [])

    def test_a_full_disk_ends_logits_and_leaves_nothing(self):
        disk = tiny_disk(self, 8192)
        self.refused(["logits", "--model", "model", "--device", "cpu", *IDS, "--output", "disk/out"],
                     "disk/out: writing failed: No space left on device: "
                     "make room on the disk or write elsewhere")
        self.assertEqual(list(disk.iterdir()), [])

    def test_memory_that_cannot_be_locked_is_refused_with_what_to_do(self):
        self.refused(["generate", "--model", "model", "--device", "cpu", *IDS, "--offload", "pinned"],
                     ".*raise the locked-memory limit or use --offload cpu",
                     preexec_fn=without_locked_memory)

    def test_a_file_that_may_not_be_read_is_named(self):
        # Anyone may enter this folder, so that only the file is refused.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-unreadable-"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        shutil.copytree(self.folder / "model", folder / "model")
        shutil.copyfile(self.folder / "model.gguf", folder / "model.gguf")
        rows = [("model/config.json", "model"), ("model/model.safetensors", "model"),
                ("model.gguf", "model.gguf")]
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        reachable = subprocess.run([PROGRAM, "--version"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **as_nobody) if self.may_run(as_nobody) \
            else None
        if reachable is None or reachable.returncode != 0:
            self.skipTest("the program lies where an unprivileged user cannot run it")
        for file, model in rows:
            with self.subTest(file=file):
                (folder / file).chmod(0)
                self.refused(["plan", "--model", model, "--device", "cpu"],
                             f"{file}: cannot be read: permission denied: "
                             "give this user the right to read it", folder, **as_nobody)
                (folder / file).chmod(0o644)

    def may_run(self, as_nobody):
        try:
            subprocess.run([PROGRAM, "--version"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, **as_nobody)
        except PermissionError:
            return False
        return True


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
