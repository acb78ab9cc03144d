"""Plain copies of models that come quantized: `import`, full fine-tuning and merged adapters write the numbers that
the packed weights stand for, as folders that transformers loads.

Usage: quantized_copies_test.py PROGRAM FOLDER
"""

import json
import pathlib
import shutil
import sys

import safetensors.torch
import torch

import finetune_data as data
import quantized_packages
import quietly
from program import TOLERANCE, Many, Refused
from quant_cases import Folders
from quantized_files import write_awq, write_gptq
from reference import Reference
from row import Row, make

PROGRAM = Many(sys.argv[1])
Folders.PROGRAM, Folders.PARENT = PROGRAM, sys.argv[2]
IDS = [5, 17, 3, 99, 42, 7, 63, 1]
TINY = Row("", {"model_type": "llama", "vocab_size": 256, "hidden_size": 128, "intermediate_size": 192,
                "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}, "", seed=11)
TRAINED = ("GPTQ", "float-quantized", "4 bits in another order", "NF4 nested")
STEPS = ("--lr", 1e-3, "--max-steps", 3, "--batch-size", 2, "--max-length", 32, "--shuffle", "off", "--weight-decay", 0,
         "--eps", 1e-5, "--dtype", "float32", "--device", "cpu", "--threads", 1, "--seed", 0)


def tensors(folder):
    return safetensors.torch.load_file(folder / "model.safetensors")


class Copies(Folders):
    def setUp(self):
        super().setUp()
        make(TINY, self.parent / "plain")
        config = json.loads((self.parent / "plain/config.json").read_text())
        plain = tensors(self.parent / "plain")
        self.twins = {}
        for words, write in {"GPTQ": lambda *folders: write_gptq(*folders, act_order=True), "AWQ": write_awq}.items():
            self.twins[words] = self.parent / words, self.parent / f"{words} twin"
            write(self.parent / "plain", *self.twins[words])
        for words, (change, options) in quantized_packages.FORMATS.items():
            packed, dense = quantized_packages.quantize(plain, change)
            self.twins[words] = self.parent / words, self.parent / f"{words} twin"
            for folder, keys, made in zip(self.twins[words], ({"quantization_config": options}, {}), (packed, dense),
                                          strict=True):
                folder.mkdir()
                (folder / "config.json").write_text(json.dumps(config | keys))
                safetensors.torch.save_file(made, folder / "model.safetensors", {"format": "pt"})
        for pair in self.twins.values():
            for folder in pair:
                data.write_tokenizer(folder, TINY.vocabulary)

    def same(self, folder, twin, most):
        """The folder has the twin's tensors, and no quantization in its configuration."""
        self.assertNotIn("quantization_config", json.loads((folder / "config.json").read_text()))
        got, want = tensors(folder), tensors(twin)
        self.assertEqual(set(got), set(want))
        for name, tensor in want.items():
            off = (got[name].double() - tensor.double()).abs().max() / tensor.double().abs().max()
            self.assertLessEqual(float(off), most, name)

    def test_import_writes_the_numbers_that_the_weights_stand_for(self):
        for words, (packed, twin) in self.twins.items():
            with self.subTest(words):
                out = self.parent / f"{words} imported"
                PROGRAM.text("import", packed, "--output", out, "--dtype", "float32")
                self.same(out, twin, 1e-6)
                want = Reference(twin).logits(IDS)
                self.assertLessEqual(abs(Reference(out).logits(IDS) - want).max(), TOLERANCE * abs(want).max())

    def finetune(self, model, name, *more):
        rows = self.parent / "rows.jsonl"
        if not rows.exists():
            data.write_texts(rows, data.texts(4, TINY.vocabulary, data.some_lengths(2, 6)), TINY.vocabulary)
        out = self.parent / name
        PROGRAM.text("finetune", "--model", model, "--data", rows, "--output", out, *STEPS, *more)
        return out

    def test_training_and_merging_write_plain_weights(self):
        for words in TRAINED:
            packed, twin = self.twins[words]
            for kind, more in {"whole": (), "merged": ("--lora", 4, "--lora-merge")}.items():
                with self.subTest(words, kind=kind):
                    out = self.finetune(packed, f"{words} {kind}", *more)
                    self.same(out, self.finetune(twin, f"{words} twin {kind}", *more), 1e-4)
                    want = PROGRAM.logits(out, IDS)
                    self.assertLessEqual(abs(Reference(out).logits(IDS) - want).max(), TOLERANCE * abs(want).max())

    def test_a_copy_in_another_order_is_refused_before_it_is_made(self):
        row = Row("", {"model_type": "gpt2", "vocab_size": 128, "n_embd": 64, "n_layer": 1, "n_head": 4,
                       "n_positions": 64}, "")
        make(row, self.parent / "gpt2")
        folder = self.parent / "packed"
        shutil.copytree(self.parent / "gpt2", folder)
        made = tensors(folder)
        name = next(key for key in made if key.endswith("h.0.attn.c_proj.weight"))
        stored, _ = quantized_packages.FORMATS["FP8 in blocks"][0](made.pop(name).T.float().contiguous())
        made |= {name.removesuffix("weight") + end: value.contiguous() for end, value in stored.items()}
        safetensors.torch.save_file(made, folder / "model.safetensors", {"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        config["quantization_config"] = quantized_packages.FORMATS["FP8 in blocks"][1]
        (folder / "config.json").write_text(json.dumps(config))
        data.write_tokenizer(folder, row.vocabulary)
        for make_copy in (lambda: PROGRAM.text("import", folder, "--output", self.parent / "out"),
                          lambda: self.finetune(folder, "out"),
                          lambda: self.finetune(folder, "out", "--lora", 4, "--lora-merge")):
            with self.assertRaises(Refused) as caught:
                make_copy()
            self.assertIn("is quantized as [out,in], and plain files of this family hold [in,out]",
                          str(caught.exception))
            self.assertFalse((self.parent / "out").exists())


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
