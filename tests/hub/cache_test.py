"""Models named ORG/NAME are searched for in the places of huggingface_hub.

Usage: cache_test.py PROGRAM
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
COMMIT = "a" * 40
PLAN = [PROGRAM, "plan", "--json", "--device", "cpu", "--model"]


def run(*arguments, **environment):
    return subprocess.run([*PLAN, *arguments], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], **environment})


class Cache(unittest.TestCase):
    def test_the_folder_is_the_one_of_huggingface_hub(self):
        environments = [
            {"HOME": "/home/a"},
            {"HOME": "/home/a", "XDG_CACHE_HOME": "/x"},
            {"HOME": "/home/a", "XDG_CACHE_HOME": "/x", "HF_HOME": "/h"},
            {"HOME": "/home/a", "HF_HOME": "~/h"},
            {"HOME": "/home/a", "HF_HOME": "$HOME/x${HOME}/$NONE/${HOME"},
            {"HOME": "/home/a", "HF_HUB_CACHE": "~/c/$HOME"},
            {"HOME": "/home/a", "HF_HOME": "/h", "HUGGINGFACE_HUB_CACHE": "/old"},
            {"HOME": "/home/a", "HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": "/new"},
        ]
        for environment in environments:
            with self.subTest(environment=environment):
                reference = subprocess.run(
                    [sys.executable, "-c", "from huggingface_hub import constants\n"
                     "print(constants.HF_HUB_CACHE)"], check=True, capture_output=True, text=True,
                    env=environment).stdout.strip()
                done = run("org/none", **environment)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(
                    done.stderr, "error: org/none: no such file or folder, and revision main is not "
                    f"in {reference}/models--org--none: fetch it with `strata download org/none` or "
                    "`hf download org/none`\n")

    def test_a_revision_that_is_not_there_is_named(self):
        done = run("org/none", "--revision", "v2", HF_HOME="/nonexistent")
        self.assertIn("revision v2 is not in /nonexistent/hub/models--org--none", done.stderr)
        self.assertIn("`strata download org/none --revision v2`", done.stderr)

    def test_what_exists_here_goes_before_the_cache(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "org/none").mkdir(parents=True)
            done = subprocess.run([*PLAN, "org/none"], capture_output=True, text=True, cwd=folder,
                                  env={"HF_HOME": "/nonexistent"})
            self.assertIn("error: org/none: has no config.json", done.stderr)

    def test_a_damaged_cache_is_as_none(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "hub/models--org--none"
            (model / "refs").mkdir(parents=True)
            for text in ("", "../../../etc", COMMIT, "b" * 4000):
                (model / "refs/main").write_text(text)
                done = run("org/none", HF_HOME=folder)
                self.assertIn("revision main is not in", done.stderr)

    def test_a_name_without_an_organization_is_found_in_the_cache(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "hub/models--made"
            (model / "snapshots" / COMMIT).mkdir(parents=True)
            (model / "refs").mkdir()
            (model / "refs/main").write_text(COMMIT + "\n")
            done = run("made", HF_HOME=folder)
            self.assertIn(f"{model}/snapshots/{COMMIT}: has no config.json", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
