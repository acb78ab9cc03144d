"""Compares what the build adds to the manifest of a plugin with descriptions, by cmake/descriptions.py,
with what its folder says; the folders are made here.

Usage: descriptions_test.py
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "cmake/descriptions.py"
MANIFEST = {"name": "mine", "keys": ["own"]}
SHARED = """
[ends.config]
eos_token_id = { key = "eos", optional = true }
tied = { absent = "output" }
[norms.names]
"n" = "blk.{}.n"
"""


def described(model_type, gguf=""):
    return f'model_type = "{model_type}"\n{gguf}'


class Described(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_script(self, files, manifest=MANIFEST, shared=SHARED):
        (self.folder / "descriptions").mkdir()
        (self.folder / "manifest.json").write_text(json.dumps(manifest))
        (self.folder / "gguf.toml").write_text(shared)
        for name, text in files.items():
            (self.folder / "descriptions" / f"{name}.toml").write_text(text)
        return subprocess.run([sys.executable, SCRIPT, self.folder], capture_output=True, text=True)

    def made(self, files, **more):
        done = self.run_script(files, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_model_types_follow_the_keys_of_the_manifest_by_name(self):
        made = self.made({name: described(name) for name in ("b_c", "b", "a-b")})
        self.assertEqual(made, {"name": "mine", "keys": ["own", "a-b", "b", "b_c"]})

    def test_a_mapping_has_the_model_type_and_the_parts_that_it_takes(self):
        gguf = """
            [gguf.a1]
            with = ["ends", "norms"]
            architectures = ["A"]
            config.tied = false
            config.eos_token_id.optional = false
            names."m" = "blk.{}.m"
        """
        self.assertEqual(self.made({"a": described("a", gguf)})["gguf"], {"a1": {
            "model_type": "a", "architectures": ["A"],
            "config": {"eos_token_id": {"key": "eos", "optional": False}, "tied": None},
            "names": {"n": "blk.{}.n", "m": "blk.{}.m"}}})

    def test_false_is_null_for_a_key_and_stays_false_within_a_rule(self):
        gguf = """
            [gguf.a1]
            like = "b1"
            config = { x = { default = false }, y = false }
            names = { z = false }
            rope = { truncate = false }
        """
        made = self.made({"a": described("a", gguf), "b": described("b", "[gguf.b1]")})["gguf"]
        self.assertEqual(made, {
            "a1": {"like": "b1", "model_type": "a", "config": {"x": {"default": False}, "y": None},
                   "names": {"z": None}, "rope": {"truncate": False}},
            "b1": {"model_type": "b"}})

    def test_a_mapping_like_another_of_its_file_leaves_the_model_type_to_that_one(self):
        made = self.made({"a": described("a", '[gguf.a1]\n[gguf."a1+t"]\nlike = "a1"')})["gguf"]
        self.assertEqual(made, {"a1": {"model_type": "a"}, "a1+t": {"like": "a1"}})

    def test_taken_parts_stay_apart(self):
        takes = '[gguf.{0}1]\nwith = ["norms"]\nnames."{0}" = "{0}"'
        made = self.made({name: described(name, takes.format(name)) for name in "ab"})["gguf"]
        self.assertEqual([list(made[name]["names"]) for name in ("a1", "b1")],
                         [["n", "a"], ["n", "b"]])

    def test_what_does_not_fit_together_is_refused_by_name(self):
        twice = {name: described(name, "[gguf.x]") for name in "ab"}
        own = MANIFEST | {"gguf": {"x": {"model_type": "own"}}}
        for files, manifest, says in (
                ({"a": described("b")}, MANIFEST, "a.toml: model_type is not the file's name"),
                ({"a": "x = 1"}, MANIFEST, "a.toml: model_type is not the file's name"),
                ({"a": "x = "}, MANIFEST, "a.toml: "),
                ({"a": described("a", "gguf = 1")}, MANIFEST, "a.toml: gguf: it is no table of tables"),
                ({"a": described("a", "[gguf]\nx = 1")}, MANIFEST,
                 "a.toml: gguf: it is no table of tables"),
                ({"a": described("a", '[gguf.x]\nwith = ["y"]')}, MANIFEST,
                 "a.toml: gguf.x.with: gguf.toml has no 'y': use ends, norms"),
                ({"a": described("a", '[gguf.x]\nlike = "y"')}, MANIFEST,
                 "gguf.x: nothing is like 'y'"),
                (twice, MANIFEST, "b.toml: gguf.x: it is mapped already"),
                ({"a": twice["a"]}, own, "a.toml: gguf.x: it is mapped already")):
            with self.subTest(says):
                self.setUp()
                done = self.run_script(files, manifest)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(says, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
