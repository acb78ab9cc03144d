"""How `strata finetune` comes by the weights that it trains: drawn from a seed, read from a file of their own, or with
a resized embedding; and the names of modules that it takes.

Usage: finetune_loading_test.py PROGRAM FOLDER
"""

import json
import pathlib
import shutil
import sys
import tempfile
import unittest

import safetensors.torch
import torch
import transformers

import finetune_data as data
import quietly
from finetune_reference import Settings, train
from program import Many, Refused

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
PLUGINS = pathlib.Path(__file__).resolve().parents[2] / "plugins/models"
VOCABULARY = 300
CONFIGS = {
    "llama": {"hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 6},
    "opt": {"hidden_size": 96, "ffn_dim": 160, "num_hidden_layers": 2, "num_attention_heads": 6,
            "word_embed_proj_dim": 48, "max_position_embeddings": 64, "dropout": 0.0, "dtype": "bfloat16"},
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
             "resid_pdrop": 0.0},
    "mixtral": {"hidden_size": 96, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 6,
                "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2},
    "olmoe": {"hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_experts": 5, "num_experts_per_tok": 2},
}
STEPS = Settings(lr=1e-4, steps=4, warmup=2)
TOKENS = 264  # of the tokenizer, where the embedding is resized


def manifest_classes(model_type):
    """The classes that the plugins' manifests name."""
    for file in PLUGINS.glob("*/manifest.json"):
        classes = json.loads(file.read_text()).get("classes", {})
        if model_type in classes:
            return classes[model_type]
    raise AssertionError(f"no manifest has the classes of {model_type}")


def config_of(model_type):
    return transformers.AutoConfig.for_model(
        model_type, **{"vocab_size": VOCABULARY, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": None,
                       **CONFIGS[model_type]})


class Loading(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def rows(self, vocabulary):
        """Sequences, and the file with them."""
        file = self.folder / "rows.jsonl"
        return data.write_texts(file, data.texts(4, vocabulary, data.some_lengths(2, 8)), vocabulary), file

    def tune(self, model, name, *more, vocabulary=VOCABULARY):
        """The result that the program prints of its steps; the model is in the folder `name`."""
        _, file = self.rows(vocabulary)
        return json.loads(PROGRAM.text(
            "finetune", model, "--data", file, "--output", self.folder / name, "--lr", STEPS.lr, "--max-steps",
            STEPS.steps, "--warmup", STEPS.warmup, "--batch-size", STEPS.batch, "--weight-decay", 0, "--clip", 0,
            "--shuffle", "off", "--dtype", "float32", "--device", "cpu", "--threads", 1, "--max-length", 64,
            "--json", *more))["steps"]

    def on_disk(self):
        return "--offload", "nvme", "--offload-dir", self.folder

    def shape(self, model_type):
        """A folder of a configuration and a tokenizer, and another with drawn weights too."""
        bare, drawn = self.folder / f"{model_type}-bare", self.folder / f"{model_type}-drawn"
        bare.mkdir()
        keys = config_of(model_type).to_dict().items()
        (bare / "config.json").write_text(json.dumps({key: value for key, value in keys if value is not None}))
        PROGRAM.text("import", bare / "config.json", "--output", drawn, "--init-seed", 3)
        for folder in (bare, drawn):
            data.write_tokenizer(folder, VOCABULARY)
        return bare, drawn

    def same_runs(self, one, other):
        """Whether two runs, given by their folder and their steps, are equal bit for bit."""
        losses = [[(step["loss"], step["grad_norm"]) for step in steps] for _, steps in (one, other)]
        texts = [(self.folder / name / "config.json").read_text() for name, _ in (one, other)]
        first, second = (safetensors.torch.load_file(self.folder / name / "model.safetensors")
                         for name, _ in (one, other))
        first.pop("unused.weight", None)  # what a model does not use is carried along
        self.assertEqual(first.keys(), second.keys())
        equal = all(torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype
                    for name in first)
        return equal and losses[0] == losses[1] and texts[0] == texts[1]

    def test_drawn_weights_are_those_that_import_draws(self):
        for model_type in CONFIGS:
            with self.subTest(model_type=model_type):
                bare, drawn = self.shape(model_type)
                want = f"{model_type}-want", self.tune(drawn, f"{model_type}-want")
                got = f"{model_type}-got", self.tune(bare, f"{model_type}-got", "--init-seed", 3)
                self.assertTrue(self.same_runs(got, want))
                disk = f"{model_type}-disk", self.tune(bare, f"{model_type}-disk", "--init-seed", 3, *self.on_disk())
                self.assertTrue(self.same_runs(disk, want))
                if model_type != "llama":
                    continue
                other = "other", self.tune(bare, "other", "--init-seed", 4)
                self.assertFalse(self.same_runs(other, want))
                file = "file", self.tune(bare / "config.json", "file", "--init-seed", 3)
                self.assertTrue(self.same_runs(file, want))
                _, info = transformers.AutoModelForCausalLM.from_pretrained(self.folder / "file",
                                                                            output_loading_info=True)
                self.assertFalse(info["missing_keys"] or info["unexpected_keys"], info)

    def test_a_run_with_drawn_weights_is_resumed_bit_for_bit(self):
        bare, _ = self.shape("llama")
        want = "want", self.tune(bare, "want", "--init-seed", 3)
        self.tune(bare, "parts", "--init-seed", 3, "--bench-steps", 2, "--save-checkpoint")
        rest = self.tune(bare, "parts", "--init-seed", 3, "--resume", "latest")
        self.assertTrue(self.same_runs(("parts", want[1][:2] + rest), want))

    def test_a_configuration_needs_a_tokenizer_beside_it(self):
        bare, _ = self.shape("llama")
        for file in bare.glob("*token*.json"):
            file.unlink()
        for more in ((), ("--resize-embeddings", 8)):
            self.refused(f"^error: {bare}: it has no tokenizer: put the model's tokenizer.json there$", bare,
                         "--init-seed", 3, *more)

    def test_a_file_of_weights_replaces_the_drawn_ones(self):
        bare, drawn = self.shape("llama")
        want = "want", self.tune(drawn, "want")
        state = safetensors.torch.load_file(drawn / "model.safetensors")
        aside = self.folder / "aside"
        aside.mkdir()
        shutil.copy(drawn / "model.safetensors", aside / "weights.safetensors")
        torch.save(state, aside / "pytorch_model.bin")
        torch.save({**state, "unused.weight": torch.ones(3)}, aside / "more.pt")
        for number, file in enumerate(sorted(aside.iterdir())):
            with self.subTest(file=file.name):
                got = f"got-{number}", self.tune(bare, f"got-{number}", "--init-seed", 9, "--load-weights", file)
                self.assertTrue(self.same_runs(got, want))
        # The model has the dtype of its configuration whatever that of the file is.
        narrow = {name: tensor.bfloat16() for name, tensor in state.items()}
        torch.save(narrow, aside / "narrow.bin")
        shutil.copytree(drawn, self.folder / "rounded")
        safetensors.torch.save_file({name: tensor.float() for name, tensor in narrow.items()},
                                    self.folder / "rounded/model.safetensors")
        got = "narrow", self.tune(bare, "narrow", "--init-seed", 9, "--load-weights", aside / "narrow.bin")
        self.assertTrue(self.same_runs(got, ("wide", self.tune(self.folder / "rounded", "wide"))))
        # Other weights in the folder of the configuration do not count.
        other = self.folder / "other"
        PROGRAM.text("import", bare / "config.json", "--output", other, "--init-seed", 5)
        data.write_tokenizer(other, VOCABULARY)
        got = "got", self.tune(other, "got", "--init-seed", 9, "--load-weights", aside / "weights.safetensors")
        self.assertTrue(self.same_runs(got, want))

    def test_a_file_that_does_not_fit_is_refused_by_its_name(self):
        bare, drawn = self.shape("llama")
        state = safetensors.torch.load_file(drawn / "model.safetensors")
        norm = "model.norm.weight"
        missing = {name: tensor for name, tensor in state.items() if name != norm}
        torch.save(missing, self.folder / "missing.bin")
        safetensors.torch.save_file({**state, norm: torch.ones(7)}, self.folder / "shape.safetensors")
        (self.folder / "weights.txt").write_text("none")
        for file, words in (("missing.bin", f"'{norm}' is missing"), ("shape.safetensors", f"'{norm}' is .7., not .96."),
                            ("weights.txt", "is no file of weights"), ("absent.safetensors", "")):
            with self.subTest(file=file):
                self.refused(f"{file}: .*{words}", bare, "--init-seed", 1, "--load-weights", self.folder / file)
        (bare / "tokenizer.json").unlink()
        self.refused("tokenizer", bare, "--init-seed", 1)
        self.refused("has no weights", bare)

    def refused(self, words, model, *more):
        """The program refuses with these words in one line, and writes nothing."""
        with self.assertRaisesRegex(Refused, words) as caught:
            self.tune(model, "refused", *more)
        self.assertNotIn("\n", str(caught.exception))
        self.assertFalse((self.folder / "refused").exists())

    def resized(self, config, wanted, name="model"):
        """A model with a tokenizer, the peer with `wanted` rows, and the rows that the model had."""
        torch.manual_seed(config.vocab_size)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for key, weight in model.named_parameters():
                if weight.dim() > 1 or key.endswith("bias"):
                    weight.normal_(mean=0.05, std=0.2)
        folder, peer = self.folder / name, self.folder / f"{name}-peer"
        model.save_pretrained(folder)
        data.write_tokenizer(folder, TOKENS - 5)
        rows = config.vocab_size
        model.resize_token_embeddings(wanted, mean_resizing=False)
        head = model.get_output_embeddings()
        with torch.no_grad():
            for weight in (model.get_input_embeddings().weight, head.weight, getattr(head, "bias", None)):
                if weight is not None and wanted > rows:
                    weight[rows:] = weight[:rows].double().mean(0).float()
        model.save_pretrained(peer)
        return folder, peer

    def compare(self, name, steps, peer):
        sequences, _ = self.rows(TOKENS - 5)
        want, wanted_steps, _ = train(peer, sequences, STEPS)
        for got, step in zip(steps, wanted_steps, strict=True):
            self.assertAlmostEqual(got["loss"] / step["loss"], 1, delta=1e-5)
        got, info = transformers.AutoModelForCausalLM.from_pretrained(
            self.folder / name, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        self.assertFalse(info["missing_keys"] or info["unexpected_keys"] or info["mismatched_keys"], info)
        expected = want.state_dict()
        self.assertEqual(got.state_dict().keys(), expected.keys())
        for key, weight in got.state_dict().items():
            torch.testing.assert_close(weight, expected[key], atol=1e-5, rtol=0, msg=lambda words, key=key: key + words)
        ids = torch.tensor([sequences[0].ids])
        with torch.no_grad():
            torch.testing.assert_close(got.eval()(ids).logits, want(ids).logits, atol=1e-3, rtol=1e-3)
        return got.config

    def test_an_embedding_is_resized_as_transformers_resizes_it(self):
        small = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1, "num_attention_heads": 4,
                 "bos_token_id": 2, "eos_token_id": 2}
        for number, (rows, make, more) in enumerate((
                (150, transformers.LlamaConfig, {"tie_word_embeddings": True}),
                (150, transformers.LlamaConfig, {"tie_word_embeddings": False}),
                (300, transformers.LlamaConfig, {"tie_word_embeddings": True}),
                (300, transformers.LlamaConfig, {"tie_word_embeddings": False}),
                (150, transformers.PhiConfig, {"partial_rotary_factor": 1.0}))):
            with self.subTest(rows=rows, **more):
                name = f"model-{number}"
                folder, peer = self.resized(make(vocab_size=rows, **small, **more), TOKENS, name)
                steps = self.tune(folder, f"{name}-out", "--resize-embeddings", 8, vocabulary=TOKENS - 5)
                disk = f"{name}-disk", self.tune(folder, f"{name}-disk", "--resize-embeddings", 8, *self.on_disk(),
                                                 vocabulary=TOKENS - 5)
                self.assertTrue(self.same_runs(disk, (f"{name}-out", steps)))
                config = self.compare(f"{name}-out", steps, peer)
                self.assertEqual(config.vocab_size, TOKENS)
                text = json.loads((self.folder / f"{name}-out/config.json").read_text())
                self.assertEqual((text["end_token_id"], text["pad_token_id"]), (2, 2))

    def test_some_tokenizers_get_a_padding_token(self):
        config = transformers.LlamaConfig(vocab_size=150, hidden_size=64, intermediate_size=96, num_hidden_layers=1,
                                          num_attention_heads=4, bos_token_id=2, eos_token_id=2)
        folder, peer = self.resized(config, TOKENS - 4, "tiny-llama")
        steps = self.tune(folder, "out", "--resize-embeddings", 1, vocabulary=TOKENS - 5)
        self.assertEqual(self.compare("out", steps, peer).vocab_size, TOKENS - 4)
        before, after = (transformers.AutoTokenizer.from_pretrained(one) for one in (folder, self.folder / "out"))
        self.assertIsNone(before.pad_token)
        self.assertEqual(before.add_special_tokens({"pad_token": "[PAD]"}), 1)
        self.assertEqual((after.pad_token, after.pad_token_id, len(after)),
                         (before.pad_token, before.pad_token_id, len(before)))
        text = "".join(data.letters(TOKENS - 5).values())
        self.assertEqual(after(text).input_ids, before(text).input_ids)

    def test_drawn_weights_have_the_resized_shape(self):
        bare, _ = self.shape("llama")
        data.write_tokenizer(bare, TOKENS - 5)
        self.tune(bare, "out", "--init-seed", 3, "--resize-embeddings", 8, vocabulary=TOKENS - 5)
        config = json.loads((bare / "config.json").read_text())
        (bare / "config.json").write_text(json.dumps({**config, "vocab_size": TOKENS}))
        self.tune(bare, "want", "--init-seed", 3, vocabulary=TOKENS - 5)
        first, second = (safetensors.torch.load_file(self.folder / name / "model.safetensors")
                         for name in ("out", "want"))
        self.assertEqual(first.keys(), second.keys())
        for name in first:
            self.assertTrue(torch.equal(first[name], second[name]), name)

    def test_leaf_modules_are_classes_or_modules_of_the_model(self):
        for model_type in CONFIGS:
            with self.subTest(model_type=model_type):
                with torch.device("meta"):
                    model = transformers.AutoModelForCausalLM.from_config(config_of(model_type))
                self.assertEqual(
                    {type(one).__name__ for one in model.modules()
                     if type(one).__module__.startswith("transformers.models.")}, set(manifest_classes(model_type)))
        _, drawn = self.shape("mixtral")
        want = "want", self.tune(drawn, "want")
        got = "got", self.tune(drawn, "got", "--leaf-module", "MixtralSparseMoeBlock", "--leaf-module",
                               "model.layers.1.block_sparse_moe", "--leaf-module", "experts.3", "--deterministic")
        self.assertTrue(self.same_runs(got, want))
        for name in ("GptOssExperts", "experts.4", "layers.2", "weight"):
            self.refused(f"--leaf-module: '{name}' is no class and no module of", drawn, "--leaf-module", name)


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
