"""A user's folder of descriptions: it serves a model_type, goes before the installed one, and what
is wrong in it is told with its line and key.

Usage: descriptions_test.py PROGRAM FOLDER
"""

import json
import pathlib
import sys
import tempfile
import unittest

from program import Program, Refused

PROGRAM, PARENT = Program(sys.argv[1]), sys.argv[2]
INSTALLED = pathlib.Path(__file__).parents[2] / "plugins/models/generic/descriptions/qwen2.toml"
CONFIG = {"vocab_size": 300, "hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 2,
          "num_attention_heads": 6}


class Descriptions(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.text = INSTALLED.read_text()
        self.line = {line: number for number, line in enumerate(self.text.splitlines(), 1)}

    def plan(self, model_type, text):
        """The plan of a model of the type, with `text` as the user's description of it."""
        (self.folder / f"{model_type}.toml").write_text(text)
        config = self.folder / "config.json"
        config.write_text(json.dumps(CONFIG | {"model_type": model_type}))
        return json.loads(PROGRAM.text(
            "plan", "--device", "cpu", "--model", config, "--json", "--set",
            f"model.generic.descriptions={self.folder}"))

    def test_a_type_of_the_users_own_is_served(self):
        own = self.plan("mine", self.text.replace('"qwen2"', '"mine"'))
        self.assertEqual(own["weights"], self.plan("qwen2", self.text)["weights"])

    def test_it_goes_before_the_installed_one(self):
        with self.assertRaises(Refused) as refused:
            self.plan("qwen2", "")
        self.assertIn(f"{self.folder}/qwen2.toml: model_type: it is missing", str(refused.exception))

    def test_what_is_wrong_is_told_with_its_line_and_key(self):
        heads, section = 'heads = "$num_attention_heads"', "[attention]"
        activation, head = 'activation = "$hidden_act"', "[head]"
        named, shared = 'model_type = "qwen2"', 'with = ["vocabulary"]'
        for old, new, line, says in (
                (heads, "", self.line[section], "attention.heads: the description does not say it"),
                (heads, "heads = 1.5", self.line[heads], "attention.heads: "),
                (heads, 'heads = "$no_such_key"', self.line[heads], "attention.heads: "),
                (activation, 'activation = "no such"', self.line[activation], "mlp.activation: "),
                (head, "[haed]", self.line[head], "haed: there is no such section"),
                (head, head + "\nnomr = 1", self.line[head] + 1, "head.nomr: "),
                (head, "[head", self.line[head], ""),
                (shared, "wiht = []", self.line[shared], "gguf.qwen2.wiht: there is no such key"),
                (shared, 'with = "it"', self.line[shared], "gguf.qwen2.with: it is no list"),
                (named, 'model_type = "other"', 2, "model_type: 'other' is not the file's name"),
                (named, "model_type = 2", 2, "model_type: it is missing or no text")):
            with self.subTest(new=new):
                self.assertEqual(self.text.count(f"\n{old}\n"), 1)
                with self.assertRaises(Refused) as refused:
                    self.plan("qwen2", self.text.replace(f"\n{old}\n", f"\n{new}\n"))
                self.assertIn(f"{self.folder}/qwen2.toml: line {line}: {says}",
                              str(refused.exception))
                self.assertEqual(refused.exception.status, 1)
                self.assertEqual(len(str(refused.exception).splitlines()), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
