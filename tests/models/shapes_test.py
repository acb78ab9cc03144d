"""Named shapes: `plan` counts the bytes of the model that transformers makes of the same file.

Usage: shapes_test.py PROGRAM FOLDER
"""

import json
import pathlib
import sys
import unittest

import torch
import transformers

from program import Program

PROGRAM = Program(sys.argv[1])
SHAPES = sorted(pathlib.Path(sys.argv[1]).resolve().parents[1].glob("share/strata/shapes/*.json"))


class Shapes(unittest.TestCase):
    def test_a_named_shape_is_the_model_of_its_configuration(self):
        self.assertGreater(len(SHAPES), 0)
        for file in SHAPES:
            with self.subTest(file.stem), torch.device("meta"):
                config = transformers.AutoConfig.for_model(**json.loads(file.read_text()))
                model = transformers.AutoModelForCausalLM.from_config(config)
                planned = json.loads(PROGRAM.text("plan", "--model", file.stem, "--json"))
                self.assertEqual(planned["weights"]["bytes"],
                                 sum(weight.nbytes for weight in model.parameters()))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
