"""A program over <strata/app.hpp> gives what the program strata gives, and its mistakes are refused.

usage: generator_test.py STRATA DRIVER
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from safetensors.torch import load_file
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs"))
import stand_ins  # noqa: E402

STRATA, DRIVER = sys.argv[1:]
REFUSALS = {"dtype": "dtype: 'int3' is unknown", "capacity": "capacity: tokens: 0 is out of range",
            "top_p": "top_p: 2.0", "stop": "stop: the text is empty",
            "long": "4002 tokens are more than the capacity's 64",
            "id": "token 1000000 is outside", "empty": "it has no tokens",
            "trace": "set RunOptions::timeline", "model": "/no/such: no such model"}


class Embedded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.model = stand_ins.small_model(cls.folder / "model")
        done = subprocess.run([DRIVER, cls.model], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        cls.made = json.loads(done.stdout)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def strata(self, *words):
        done = subprocess.run([STRATA, *map(str, words), "--device", "cpu"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_the_program_makes_the_same(self):
        out = json.loads(self.strata("generate", self.model, "--input-ids", "5,6,7,8", "--input-ids",
                                     "9,10", "-n", 8, "--json"))
        self.assertEqual(self.made["ids"], out["output_ids"])
        self.assertEqual(self.made["text"], out["text"][0])
        self.strata("logits", self.model, "--input-ids", "5,6,7,8", "--output",
                    self.folder / "logits.safetensors")
        logits = load_file(self.folder / "logits.safetensors")["logits"]
        self.assertTrue(torch.equal(torch.tensor(self.made["logits"]), logits.flatten()))

    def test_one_stands_while_another_ends(self):
        for name in ("other", "again", "after"):
            self.assertEqual(self.made[name], self.made["ids"], name)

    def test_callbacks(self):
        self.assertEqual(self.made["pieces"], self.made["text"])
        self.assertIn("at work already", self.made["nested"])
        self.assertEqual(self.made["thrown"], "mine")

    def test_a_conversation_is_the_templates(self):
        # The template writes "<user>", the text and a line break; each byte is a token.
        self.assertEqual(len(self.made["chat"]), len('<user>a\t"b"\n'))

    def test_mistakes_are_refused(self):
        for name, words in REFUSALS.items():
            self.assertIn(words, self.made["refusals"][name], name)

    def test_the_report_names_the_plugins(self):
        self.assertIn("llama", [one["name"] for one in self.made["report"]["plugins"]])


unittest.main(argv=sys.argv[:1])
