"""Sampling through the program: keyed by seed, row and step, whatever runs beside it.

Usage: sampling_test.py PROGRAM FOLDER
"""

import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

import quietly
from program import Many, Refused
from reference import Reference
from row import make
from rows.llama import ROWS

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
NEW_TOKENS = 12


class Sampling(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name, "model")
        make(ROWS[0], cls.folder)
        rng = np.random.default_rng(5)
        cls.prompts = [rng.integers(0, ROWS[0].vocabulary, n).tolist() for n in (7, 1, 30)]

    def sample(self, prompts, *options, temperature="0.8"):
        return PROGRAM.generate(self.folder, prompts, NEW_TOKENS, "--ignore-eos", "--temperature",
                                temperature, *options)["output_ids"]

    def test_a_batch_gives_the_tokens_of_its_single_runs(self):
        batch = self.sample(self.prompts, "--seed", 7)
        # A row's place is part of its key: rows before it are filled, rows after it are left out.
        for row in range(len(self.prompts)):
            beside = [[row + 1]] * row
            self.assertEqual(self.sample([*beside, self.prompts[row]], "--seed", 7)[row], batch[row])

    def test_seeds_differ_and_one_seed_repeats(self):
        first = self.sample(self.prompts, "--seed", 1)
        self.assertEqual(first, self.sample(self.prompts, "--seed", 1))
        self.assertNotEqual(first, self.sample(self.prompts, "--seed", 2))
        self.assertNotEqual(first, self.sample(self.prompts, "--seed", 1, temperature="2"))

    def test_the_likeliest_token_alone_is_greedy(self):
        reference = Reference(self.folder)
        want = [reference.greedy(prompt, NEW_TOKENS)[0] for prompt in self.prompts]
        self.assertEqual(self.sample(self.prompts, "--top-k", 1), want)

    def test_values_for_drawing_are_judged_where_tokens_are_drawn(self):
        want = Reference(self.folder).greedy(self.prompts[0], NEW_TOKENS)[0]
        file = self.folder / "generation_config.json"
        self.addCleanup(file.unlink)
        for key, value in (("top_k", -1), ("top_p", 1.5), ("min_p", "a"), ("eta_cutoff", [0])):
            file.write_text(json.dumps({key: value, "no_repeat_ngram_size": -1, "min_length": -4}))
            greedy = PROGRAM.generate(self.folder, [self.prompts[0]], NEW_TOKENS, "--ignore-eos")
            self.assertEqual(greedy["output_ids"], [want])
            with self.assertRaisesRegex(Refused, key):
                self.sample([self.prompts[0]])
        file.write_text('{"top_k": -1}')
        self.assertEqual(self.sample([self.prompts[0]], "--top-k", 1), [want])
        file.write_text('{"do_sample": "true"}')
        with self.assertRaisesRegex(Refused, "'do_sample' is not true or false"):
            self.sample([self.prompts[0]])

    def test_text_ends_with_the_token_that_ends_it(self):
        want = Reference(self.folder).greedy(self.prompts[0], NEW_TOKENS)[0]
        end = want[4]
        (self.folder / "generation_config.json").unlink()  # its eos_token_id would win
        file = self.folder / "config.json"
        text = file.read_text()
        file.write_text(text.replace('"eos_token_id": 2', f'"eos_token_id": [1, {end}]'))
        self.assertNotEqual(file.read_text(), text)
        made = PROGRAM.generate(self.folder, [self.prompts[0]], NEW_TOKENS)["output_ids"]
        file.write_text(text)
        self.assertEqual(made, [want[:want.index(end) + 1]])


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
