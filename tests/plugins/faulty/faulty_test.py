"""Whatever a plugin does, the program ends with one line that names it, and with status 1.

Usage: faulty_test.py PROGRAM FOLDER-OF-FAULTY-PLUGINS
"""

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
LLAMA = dict(model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=64, hidden_size=32,
             intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=False,
             torch_dtype="float32")
FAULTY = dict(model_type="faulty", vocab_size=64, hidden_size=32, torch_dtype="float32")
ENDS = ["throw", "exit", "_exit", "abort", "null", "terminate"]

# The function and the deed, and words of the line beside the plugin's name.
TIER = {
    **{f"open:{deed}": "open" for deed in [*ENDS, "throw-int", "quick_exit", "stack", "term", "alarm"]},
    "open:thread": "tired",
    **{f"{function}:{deed}": "" for deed in ("throw", "exit")
       for function in ("load", "open-plugin", "query", "options", "limits", "region_new",
                        "submit", "poll", "region_free", "close", "close-plugin")},
    **{f"poll:{deed}": "poll" for deed in ("abort", "null", "stack", "term")},
    "open:nothing": "no instance", "open:999": "cannot be opened", "limits:flags": "limits",
    "options:none": "options", "submit:none": "no transfer",
    "submit:more": "more transfers", "poll:twice": "twice", "poll:unknown": "not given",
    "poll:longer": "bytes", "poll:999": "", "poll:never": "none of",
}
FAMILY = {
    **{f"forward:{deed}": "forward" for deed in [*ENDS, "term", "release", "released", "twice", "same"]},
    "forward:nothing": "nothing", "forward:999": "999", "declare:for-ever": "declare",
    "declare:ignores": "unit 0", "declare:throw": "declare",
}
BACKEND = {
    **{f"run:{deed}": "" for deed in ["exit", "abort", "null", "throw", "nothing", "query", "release"]},
    "run:shape": "returned", "workspace:all": "workspace",
}


def strata(*arguments, fault="", maps=False):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "STRATA_FAULT": fault,
                   **({"STRATA_FAULT_MAPS": "1"} if maps else {})}
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, env=environment)


class Faulty(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        place = pathlib.Path(cls.folder.name)
        cls.models = {}
        for config, plugins in ((LLAMA, []), (FAULTY, ["--plugin", FOLDER / "strata-model-faulty.so"])):
            name = config["model_type"]
            (place / f"{name}.json").write_text(json.dumps(config))
            cls.models[name] = place / name
            made = strata("import", "--model", place / f"{name}.json", "--init-seed", "1", "--output",
                          cls.models[name], *plugins)
            assert made.returncode == 0, made.stderr

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def generate(self, kind, model, *more, fault="", maps=False):
        return strata("generate", "--plugin", FOLDER / f"strata-{kind}-faulty.so", "--model",
                      self.models[model], "--device", "cpu", "--input-ids", "5,6,7",
                      "--max-new-tokens", "2", "--threads", "1", "--json", "--set",
                      "plugins.patience=2", *more, fault=fault, maps=maps)

    def check(self, kind, faults, *arguments, maps=False):
        def one(fault):
            return fault, self.generate(kind, *arguments, fault=fault, maps=maps)

        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            for fault, done in threads.map(one, faults):
                with self.subTest(f"{kind} {fault}"):
                    lines = done.stderr.splitlines()
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertEqual(len(lines), 1, done.stderr)
                    self.assertLessEqual(len(lines[0]), 307)
                    self.assertRegex(lines[0], rf"^error: (plugins: )?{kind}/faulty\b")
                    self.assertIn(faults[fault], lines[0])

    def test_without_a_fault_they_run(self):
        for kind, *arguments in (("offload", "llama", "--offload", "faulty", "--device-memory", "64KiB"),
                                 ("model", "faulty"), ("attention", "llama", "--attention", "faulty")):
            done = self.generate(kind, *arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""), kind)
            self.assertEqual(len(json.loads(done.stdout)["output_ids"][0]), 2)

    def test_a_tier_is_named(self):
        self.check("offload", TIER, "llama", "--offload", "faulty", "--device-memory", "64KiB")

    def test_a_tier_that_maps_nothing_is_named(self):
        self.check("offload", {"map:nothing": "map", "map:throw": "map"}, "llama", "--offload",
                   "faulty", maps=True)

    def test_a_family_is_named(self):
        self.check("model", FAMILY, "faulty")

    def test_a_tensor_that_a_family_keeps_lives_on(self):
        done = self.generate("model", "faulty", fault="forward:keep")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_logits_that_are_nan_end_the_run(self):
        weights = self.models["llama"] / "model.safetensors"
        whole = weights.read_bytes()
        self.addCleanup(weights.write_bytes, whole)
        size = int.from_bytes(whole[:8], "little")
        begin, end = json.loads(whole[8:8 + size])["model.layers.1.mlp.down_proj.weight"]["data_offsets"]
        for number in (b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f"):  # NaN, infinity
            at = 8 + size + begin
            weights.write_bytes(whole[:at] + number * ((end - begin) // 4) + whole[8 + size + end:])
            done = strata("generate", "--model", self.models["llama"], "--device", "cpu", "--input-ids",
                          "5,6", "--max-new-tokens", "2")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"^error: logits: the model computes [^\n]*\n$")

    def test_a_rule_that_a_family_breaks_is_told_once(self):
        name = "strata-model-faulty"
        with tempfile.TemporaryDirectory() as place:
            for end in (".so", ".json"):
                shutil.copy(FOLDER / (name + end), place)
            keys = ", ".join(f"{key} = {json.dumps(value)}" for key, value in FAULTY.items())
            pathlib.Path(place, name + ".conformance.toml").write_text(
                f'[[configuration]]\nname = "tiny"\nconfig = {{ {keys} }}\n')
            done = strata("plugins", "check", f"{place}/{name}.so", "--json", fault="declare:throw")
        broken = {one["check"]: one["words"] for one in json.loads(done.stdout)["checks"]
                  if one["result"] == "failed"}
        self.assertRegex(
            broken["conformance: what is declared is the same each time"],
            r"^configuration: tiny: model/faulty: declare threw an exception: tired: "
            r"[^:]*\(after model_conformance\.cpp:\d+\)$")

    def test_a_backend_is_named(self):
        self.check("attention", BACKEND, "llama", "--attention", "faulty")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
