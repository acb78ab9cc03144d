"""`strata import --resize-embeddings` against resize_token_embeddings of transformers: the rows that
stay are equal, new ones lie where transformers' do but for its noise.

Usage: resize_test.py PROGRAM FOLDER
"""

import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import tokenizers
import torch
import transformers

PROGRAM, PARENT = sys.argv[1], sys.argv[2]
TOKENS = 259


def save_tokenizer(folder):
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(tokenizers.models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens(["<s>", "</s>", "<pad>"])
    assert made.get_vocab_size() == TOKENS
    made.save(str(folder / "tokenizer.json"))
    return transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))


class Resize(unittest.TestCase):
    def check(self, rows, tied, dtype, multiple=8):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir=PARENT)))
        torch.manual_seed(rows)
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
            vocab_size=rows, hidden_size=32, intermediate_size=48, num_hidden_layers=1,
            num_attention_heads=2, tie_word_embeddings=tied)).to(dtype)
        with torch.no_grad():
            for weight in (model.model.embed_tokens.weight, model.lm_head.weight):
                weight.normal_(mean=0.5, std=0.25)
        model.save_pretrained(folder / "model")
        tokenizer = save_tokenizer(folder / "model")
        done = subprocess.run([PROGRAM, "import", folder / "model", "--output", folder / "ours",
                               "--resize-embeddings", str(multiple)],
                              capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        wanted = int(multiple * math.ceil(len(tokenizer) / multiple))
        model.resize_token_embeddings(wanted)
        ours, info = transformers.AutoModelForCausalLM.from_pretrained(
            folder / "ours", dtype=dtype, output_loading_info=True)
        self.assertFalse(info["missing_keys"] or info["unexpected_keys"], info)
        self.assertEqual(ours.config.vocab_size, model.config.vocab_size)
        self.assertEqual(ours.config.vocab_size, wanted)
        theirs = model.state_dict()
        self.assertEqual(ours.state_dict().keys(), theirs.keys())
        noise = 1e-3 if dtype == torch.float32 else 1e-2
        for name, weight in ours.state_dict().items():
            stay = min(rows, len(weight))
            self.assertEqual(weight.shape, theirs[name].shape, name)
            self.assertTrue(torch.equal(weight[:stay], theirs[name][:stay]), name)
            torch.testing.assert_close(weight[stay:], theirs[name][stay:], atol=noise, rtol=0)

    def test_it_grows(self):
        self.check(200, True, torch.float32)
        self.check(200, False, torch.float32)

    def test_it_shrinks(self):
        self.check(300, True, torch.float32)
        self.check(300, False, torch.bfloat16)

    def test_it_grows_in_16_bits(self):
        self.check(200, False, torch.bfloat16)
        self.check(200, True, torch.float16, multiple=64)

    def test_a_multiple_that_is_there_stays(self):
        self.check(264, False, torch.float32)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
