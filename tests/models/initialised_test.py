"""Weights drawn anew, critics, and models known by their names, against transformers and DeepSpeed-Chat's rules.

Usage: initialised_test.py PROGRAM FOLDER
"""

import hashlib
import json
import pathlib
import shutil
import sys
import tempfile
import unittest

import numpy as np
import safetensors.torch
import torch
import transformers

import quietly
from program import TOLERANCE, Many, Refused
from row import Row, make

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
IDS = [5, 17, 3, 99, 42, 2, 63, 2]  # 2 is the end-of-text token and the padding
CONFIGS = {
    "llama": {"vocab_size": 300, "hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 2,
              "num_attention_heads": 6, "attention_bias": True, "initializer_range": 0.05},
    "opt": {"vocab_size": 300, "hidden_size": 96, "ffn_dim": 160, "num_hidden_layers": 2, "num_attention_heads": 6,
            "word_embed_proj_dim": 48, "max_position_embeddings": 64, "init_std": 0.03},
    "bloom": {"vocab_size": 300, "hidden_size": 96, "n_layer": 2, "n_head": 6},
    "mixtral": {"vocab_size": 300, "hidden_size": 96, "intermediate_size": 64, "num_hidden_layers": 2,
                "num_attention_heads": 6, "num_key_value_heads": 2, "num_local_experts": 3, "num_experts_per_tok": 2},
}


def digest(folder):
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


class Initialised(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def config(self, model_type, **more):
        config = transformers.AutoConfig.for_model(model_type, **CONFIGS[model_type], **more)
        config.dtype = torch.float32
        file = self.folder / f"{model_type}.json"
        file.write_text(json.dumps({**config.to_dict(), "dtype": "float32"}))
        return config, file

    def drawn(self, file, seed, *more):
        folder = self.folder / f"{file.stem}-{seed}-{len(more)}"
        PROGRAM.text("import", file, "--output", folder, "--init-seed", seed, *more)
        return folder

    def test_weights_are_drawn_as_transformers_draws_them(self):
        for model_type in CONFIGS:
            with self.subTest(model_type=model_type):
                config, file = self.config(model_type)
                folder = self.drawn(file, 7)
                model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
                self.assertFalse(info["missing_keys"] or info["unexpected_keys"] or info["mismatched_keys"], info)
                torch.manual_seed(1)
                want = transformers.AutoModelForCausalLM.from_config(config).state_dict()
                for name, tensor in model.state_dict().items():
                    same = want[name].double()
                    self.assertEqual((tensor.shape, tensor.dtype), (same.shape, torch.float32), name)
                    if same.min() == same.max():  # norms and biases
                        self.assertTrue(torch.equal(tensor, want[name]), name)
                        continue
                    count = tensor.numel()
                    spread = getattr(config, "init_std", None) or config.initializer_range
                    # Five standard errors of a normal distribution's mean, spread and fourth moment.
                    self.assertLess(abs(float(tensor.mean())), 5 * spread / count**0.5, name)
                    self.assertLess(abs(float(tensor.std()) / spread - 1), 5 / (2 * count)**0.5, name)
                    self.assertLess(abs(float((tensor / spread).pow(4).mean()) - 3), 5 * (96 / count)**0.5, name)
                self.assertEqual(digest(folder), digest(self.drawn(file, 7, "-v")))
                self.assertNotEqual(digest(folder), digest(self.drawn(file, 8)))
                PROGRAM.logits(folder, IDS)

    def test_the_configurations_dtype_is_that_of_the_file(self):
        config, file = self.config("llama")
        text = json.loads(file.read_text())
        whole = safetensors.torch.load_file(self.drawn(file, 3) / "model.safetensors")
        for dtype in ("bfloat16", "float16"):
            half = self.folder / f"{dtype}.json"
            half.write_text(json.dumps({**text, "dtype": dtype}))
            got = safetensors.torch.load_file(self.drawn(half, 3) / "model.safetensors")
            for name, tensor in got.items():
                self.assertTrue(torch.equal(tensor, whole[name].to(getattr(torch, dtype))), name)

    def test_a_critic_gives_each_token_a_value(self):
        for model_type in CONFIGS:
            with self.subTest(model_type=model_type):
                config, file = self.config(model_type)
                language = self.drawn(file, 5)
                critic = self.folder / f"critic-{model_type}"
                with self.assertRaisesRegex(Refused, "'v_head.weight' is missing"):
                    self.values(language)
                PROGRAM.text("import", language, "--output", critic, "--critic")
                head = safetensors.torch.load_file(critic / "model.safetensors")["v_head.weight"]
                wide = getattr(config, "word_embed_proj_dim", config.hidden_size)
                self.assertEqual(head.shape, (1, wide))
                self.assertLessEqual(float(head.abs().max()), wide**-0.5)
                self.assertGreater(float(head.abs().max()), 0.8 * wide**-0.5)
                base = transformers.AutoModel.from_pretrained(critic, dtype=torch.float32).eval()
                with torch.no_grad():
                    hidden = base(torch.tensor([IDS])).last_hidden_state[0]
                self.compare(critic, (hidden @ head[0]).numpy())
                if model_type == "mixtral":
                    continue  # in memory its experts are stacked
                # Training saves the base model beside the head, in one pickle.
                saved = self.folder / f"saved-{model_type}"
                saved.mkdir()
                shutil.copy(critic / "config.json", saved)
                state = {f"rwtransformer.{name}": tensor for name, tensor in base.state_dict().items()}
                torch.save({**state, "v_head.weight": head}, saved / "pytorch_model.bin")
                self.compare(saved, (hidden @ head[0]).numpy())
                drawn = self.drawn(file, 5, "--critic")
                self.assertNotIn("lm_head.weight", safetensors.torch.load_file(drawn / "model.safetensors"))
                self.values(drawn)

    def values(self, folder, *more):
        file = self.folder / "values.safetensors"
        PROGRAM.text("logits", "--model", folder, "--critic", "--input-ids", ",".join(map(str, IDS)), "--output", file,
                     "--device", "cpu", *more)
        return safetensors.torch.load_file(file)

    def compare(self, folder, want):
        text = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**text, "eos_token_id": 2}))
        for tier in ("device", "cpu", "nvme"):
            # The first padding 2 is at index 5, the second at 7; if two of them pad the beginning, none ends
            # the sequence.
            for at_beginning, end in ((0, 4), (1, 6), (2, 7)):
                got = self.values(folder, "--offload", tier, "--num-padding-at-beginning", at_beginning)
                self.assertLess(np.abs(got["values"].numpy() - want).max(), TOLERANCE * np.abs(want).max())
                self.assertEqual(got["end_score"].tolist(), [float(got["values"][end])])

    def test_a_model_that_its_configuration_does_not_name_is_known_by_its_name(self):
        source = self.folder / "source"
        make(Row("", {"model_type": "bloom", **CONFIGS["bloom"]}, "", seed=3), source)
        want = PROGRAM.logits(source, IDS)
        text = json.loads((source / "config.json").read_text())
        for folder, model_type in (("my-bloom-7b1", None), ("bloom", "other"), ("plain", "bloom-7b1")):
            shutil.copytree(source, self.folder / folder)
            (self.folder / folder / "config.json").write_text(json.dumps({**text, "model_type": model_type}))
            self.assertTrue(np.array_equal(PROGRAM.logits(self.folder / folder, IDS), want))
        shutil.move(self.folder / "bloom", self.folder / "unnamed")
        with self.assertRaisesRegex(Refused, "no model plugin for model_type 'other'"):
            PROGRAM.logits(self.folder / "unnamed", IDS)
        shutil.move(self.folder / "my-bloom-7b1", self.folder / "nameless")
        with self.assertRaisesRegex(Refused, "key 'model_type' is missing"):
            PROGRAM.logits(self.folder / "nameless", IDS)


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
