"""An import or a quantize that is ended from outside leaves no files, or the next one names the files that are left.

Usage: interrupted_test.py PROGRAM
"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv[1]
# Drawing its weights takes seconds, so that the signal comes while they are written.
MODEL = dict(model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=512, hidden_size=1024,
             intermediate_size=4096, num_hidden_layers=8, num_attention_heads=8, rms_norm_eps=1e-6,
             tie_word_embeddings=False, torch_dtype="float32")


class Interrupted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = pathlib.Path(folder.name)
        (self.place / "config.json").write_text(json.dumps(MODEL))

    def command(self, **changes):
        config = self.place / "config.json"
        config.write_text(json.dumps({**MODEL, **changes}))
        return [PROGRAM, "import", "--model", config, "--init-seed", "1", "--output", self.place / "out"]

    def left(self):
        return [one.name for one in self.place.iterdir() if one.name != "config.json"]

    def ended_by(self, number, command=None):
        """The result of a command, the import, that gets the signal once its folder is there."""
        with subprocess.Popen(command or self.command(), stderr=subprocess.PIPE, text=True) as running:
            while running.poll() is None and not any(self.place.glob("out.part-*/model.safetensors")):
                time.sleep(0.01)
            running.send_signal(number)
            words = running.communicate()[1]
        return running.returncode, words

    def test_a_signal_that_asks_to_end_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                self.assertEqual(self.ended_by(number), (128 + number, ""))
                self.assertEqual(self.left(), [])

    def test_a_quantize_that_is_asked_to_end_leaves_nothing(self):
        drawn = self.command(hidden_size=512, intermediate_size=2048)
        subprocess.run([*drawn[:-1], self.place / "dense"], check=True, capture_output=True)
        quantize = [PROGRAM, "quantize", "--model", self.place / "dense", "--quant", "int4", "--threads", "1",
                    "--output", self.place / "out"]
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                self.assertEqual(self.ended_by(number, quantize), (128 + number, ""))
                self.assertEqual(self.left(), ["dense"])

    def test_what_a_kill_left_is_named_by_the_next(self):
        self.assertEqual(self.ended_by(signal.SIGKILL)[0], -signal.SIGKILL)
        (name,) = self.left()
        done = subprocess.run(self.command(hidden_size=64, intermediate_size=128), text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(name, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
