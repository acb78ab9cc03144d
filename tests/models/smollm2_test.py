"""SmolLM2-135M through the program against transformers: from its GGUF file and from what
`strata import` makes of it.

Usage: smollm2_test.py PROGRAM FOLDER MODEL.gguf
"""

import json
import math
import os
import pathlib
import sys
import tempfile
import unittest

import tokenizers
import torch
import transformers

import quietly
from program import TOLERANCE, Program

PROGRAM = Program(sys.argv[1], threads=len(os.sched_getaffinity(0)))
PARENT, GGUF = sys.argv[2], pathlib.Path(sys.argv[3])
GPL = pathlib.Path("/usr/share/common-licenses/GPL-3")
TOKENS, CONTEXT, NEW_TOKENS = 6000, 512, 24

PROMPTS = [
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
    "Once upon a time, in a village by the sea,",
    "def fibonacci(n):\n    \"\"\"Returns the n-th number.\"\"\"\n",
    "The three laws of thermodynamics are: 1.",
    "In 1969, 2 people walked on the Moon. Their names were",
]
TEXTS = [*PROMPTS, "", " ", "a  b\t\n\n c", "1234567890 3.14159", "Grüße, 世界! 🙂 naïve café",
         "<|im_end|>x<|endoftext|>", "don't I'll WE'RE"]


class SmolLM2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(dir=PARENT)
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name, "imported")
        PROGRAM.text("import", GGUF, "--output", cls.folder)
        cls.tokenizer = tokenizers.Tokenizer.from_file(str(cls.folder / "tokenizer.json"))
        cls.model = transformers.AutoModelForCausalLM.from_pretrained(
            GGUF.parent, gguf_file=GGUF.name, dtype=torch.float32).eval()
        cls.model.generation_config.eos_token_id = None

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def greedy(self, ids):
        """The reference's tokens, as far as its best logit is clearly above the next."""
        prompt = torch.tensor([ids])
        out = self.model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                                  max_new_tokens=NEW_TOKENS, output_logits=True,
                                  return_dict_in_generate=True, pad_token_id=0)
        tokens = out.sequences[0, len(ids):].tolist()
        for at, logits in enumerate(out.logits):
            best = logits[0].topk(2).values
            if best[0] - best[1] <= TOLERANCE * logits.abs().max():
                return tokens[:at]
        return tokens

    def test_greedy_tokens_are_those_of_transformers(self):
        prompts = [self.ids(text) for text in PROMPTS]
        want = [self.greedy(ids) for ids in prompts]
        self.assertGreater(sum(map(len, want)), 0.9 * NEW_TOKENS * len(PROMPTS))
        for model in (GGUF, self.folder):
            with self.subTest(model=model.name):
                made = PROGRAM.generate(model, prompts, NEW_TOKENS, "--ignore-eos")["output_ids"]
                self.assertEqual([len(got) for got in made], [NEW_TOKENS] * len(prompts))
                self.assertEqual([got[:len(w)] for got, w in zip(made, want, strict=True)], want)

    def test_perplexity_is_that_of_transformers(self):
        text = GPL.read_text()
        offsets = self.tokenizer.encode(text, add_special_tokens=False).offsets
        file = pathlib.Path(self.temporary.name, "text")
        file.write_text(text[:offsets[TOKENS - 1][1]])
        ids = self.ids(file.read_text())
        self.assertAlmostEqual(len(ids), TOKENS, delta=5)
        nll, count = 0.0, 0
        for at in range(0, len(ids), CONTEXT):
            window = torch.tensor(ids[at:at + CONTEXT])
            if len(window) < 2:
                continue
            with torch.no_grad():
                logits = self.model(window[None]).logits[0, :-1]
            nll += float(torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum"))
            count += len(window) - 1
        want = math.exp(nll / count)
        for model in (GGUF, self.folder):
            with self.subTest(model=model.name):
                got = json.loads(PROGRAM.text(
                    "perplexity", "--model", model, "--text-file", file, "--context", CONTEXT,
                    "--device", "cpu", "--threads", PROGRAM.threads, "--json"))
                self.assertEqual(got["tokens"], count)
                self.assertLess(abs(got["perplexity"] - want) / want, 0.002)

    def test_the_imported_folder_holds_the_tensors_of_the_gguf_file(self):
        ours, info = transformers.AutoModelForCausalLM.from_pretrained(
            self.folder, dtype=torch.float32, output_loading_info=True)
        self.assertFalse(info["missing_keys"] or info["unexpected_keys"], info)
        theirs = self.model.state_dict()
        self.assertEqual(ours.state_dict().keys(), theirs.keys())
        for name, tensor in ours.state_dict().items():
            self.assertTrue(torch.equal(tensor, theirs[name]), name)

    def test_the_imported_folder_talks_as_the_gguf_file(self):
        # transformers' own reader of the folder: the template, its tokens, and what ends a text.
        reference = transformers.AutoTokenizer.from_pretrained(self.folder)
        messages = [{"role": "user", "content": "What is 2+2?"}]
        ids = reference.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        self.assertEqual(ids, self.ids(reference.apply_chat_template(messages, add_generation_prompt=True,
                                                                     tokenize=False)))
        want = self.greedy(ids)
        end = reference.eos_token_id
        ends = transformers.GenerationConfig.from_pretrained(self.folder).eos_token_id
        self.assertEqual(reference.convert_ids_to_tokens(ends), ["<|im_end|>", "<|endoftext|>", "<reponame>"])
        self.assertIn(end, want)
        for model in (GGUF, self.folder):
            made = json.loads(PROGRAM.text(
                "generate", "--model", model, "--chat", "--prompt", "What is 2+2?", "--max-new-tokens", NEW_TOKENS,
                "--device", "cpu", "--threads", PROGRAM.threads, "--json"))["output_ids"]
            self.assertEqual(made, [want[:want.index(end) + 1]])

    def test_the_imported_tokenizer_gives_the_programs_ids(self):
        for text in TEXTS:
            for model in (GGUF, self.folder):
                with self.subTest(text=text, model=model.name):
                    got = json.loads(PROGRAM.text("tokenize", "--model", model, "--text", text,
                                                  "--json"))["ids"]
                    self.assertEqual(got, self.tokenizer.encode(text).ids)


if __name__ == "__main__":
    quietly.main()
