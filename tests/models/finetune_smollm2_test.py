"""SmolLM2-135M trained on this project's own pages, beside transformers' Trainer at the same settings.

Usage: finetune_smollm2_test.py PROGRAM FOLDER MODEL.gguf
"""

import json
import os
import pathlib
import sys
import tempfile
import unittest

import safetensors.torch
import tokenizers
import torch
import transformers

import quietly
from program import Program

CORES = len(os.sched_getaffinity(0))
PROGRAM = Program(sys.argv[1], threads=CORES)
PARENT, GGUF = sys.argv[2], pathlib.Path(sys.argv[3])
PAGES = pathlib.Path(__file__).resolve().parents[2] / "docs"
EOS = 2
# A row is as many whole lines as fit below MAX_LENGTH, less room for the tokens where lines are joined.
MAX_LENGTH, ROWS, VALIDATION = 160, 20, 5
STEPS, ACCUMULATION, LR, WARMUP, DECAY, CLIP = 10, 2, 2e-4, 2, 0.1, 1.0
WITHIN = 0.02  # of the loss, and of its fall
PACKED_ROWS, PACKED_WITHIN = 8, 1e-4
ADAPTED_ROWS = 5


def rows_of(tokenizer, count):
    """Texts of whole lines, from several pages in turn."""
    def encoded(lines):
        return tokenizer.encode("\n".join(lines), add_special_tokens=False).ids

    out = []
    for page in sorted(PAGES.glob("*.md")):
        lines = []
        for line in page.read_text().splitlines():
            if lines and len(encoded([*lines, line])) >= MAX_LENGTH:
                out.append("\n".join(lines))
                lines = []
                if len(out) % 6 == 0:
                    break
            lines.append(line)
        if len(out) >= count:
            return out[:count]
    raise AssertionError(f"the pages give {len(out)} rows")


def batch_of(batch):
    (row,) = batch
    ids = torch.tensor([row["ids"]])
    return {"input_ids": ids, "labels": ids}


def mean_loss(model, rows):
    total = count = 0
    for row in rows:
        ids = torch.tensor([row["ids"]])
        with torch.no_grad():
            logits = model(ids).logits[0, :-1]
        total += float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))
        count += ids.shape[1] - 1
    return total / count


class SmolLM2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(dir=PARENT)
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.parent = pathlib.Path(cls.temporary.name)
        cls.folder = cls.parent / "imported"
        PROGRAM.text("import", GGUF, "--output", cls.folder)
        tokenizer = tokenizers.Tokenizer.from_file(str(cls.folder / "tokenizer.json"))
        texts = rows_of(tokenizer, ROWS + VALIDATION)
        cls.files = {}
        # Every fifth row validates, so that both sets have parts of the same pages.
        parts = {"validation": texts[::5], "training": [text for at, text in enumerate(texts) if at % 5]}
        for name, part in parts.items():
            cls.files[name] = cls.parent / f"{name}.jsonl"
            cls.files[name].write_text("".join(json.dumps({"text": text}) + "\n" for text in part))
        cls.rows = {name: [{"ids": tokenizer.encode(text, add_special_tokens=False).ids + [EOS]} for text in part]
                    for name, part in parts.items()}
        assert all(len(row["ids"]) <= MAX_LENGTH for part in cls.rows.values() for row in part)

    def model(self, folder):
        return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

    def finetuned(self, model, output, *more, lr=LR, warmup=WARMUP):
        return json.loads(PROGRAM.text(
            "finetune", "--model", model, "--data", self.files["training"], "--output", self.parent / output,
            "--dtype", "float32", "--device", "cpu", "--threads", CORES, "--batch-size", 1, "--lr", lr,
            "--weight-decay", DECAY, "--clip", CLIP, "--warmup", warmup, "--max-length", MAX_LENGTH,
            "--shuffle", "off", "--json", *more))

    def test_the_validation_loss_falls_as_with_transformers_trainer(self):
        model = self.model(self.folder)
        before = mean_loss(model.eval(), self.rows["validation"])
        arguments = transformers.TrainingArguments(
            output_dir=str(self.parent / "trainer"), max_steps=STEPS, per_device_train_batch_size=1,
            gradient_accumulation_steps=ACCUMULATION, learning_rate=LR, weight_decay=DECAY, max_grad_norm=CLIP,
            warmup_steps=WARMUP, lr_scheduler_type="linear", optim="adamw_torch", save_strategy="no",
            report_to="none", disable_tqdm=True, use_cpu=True, train_sampling_strategy="sequential",
            remove_unused_columns=False, seed=1)
        transformers.Trainer(model, arguments, data_collator=batch_of, train_dataset=self.rows["training"]).train()
        want = mean_loss(model.eval(), self.rows["validation"])
        del model
        self.assertLess(want, 0.95 * before)
        made = self.finetuned(self.folder, "trained", "--max-steps", STEPS, "--gradient-accumulation-steps",
                              ACCUMULATION, "--validation", self.files["validation"])
        self.assertEqual(len(made["steps"]), STEPS)
        got = made["validation"][-1]["loss"]
        trained = mean_loss(self.model(made["output"]).eval(), self.rows["validation"])
        print(f"before {before:.4f}, Trainer {want:.4f}, Strata {got:.4f}, its folder in transformers {trained:.4f}")
        self.assertLess(abs(trained / got - 1), 1e-3)
        self.assertLess(abs(got / want - 1), WITHIN)
        self.assertLess(abs((before - got) / (before - want) - 1), 5 * WITHIN)

    def test_the_packed_file_trains_as_what_is_imported(self):
        losses = []
        for at, model in enumerate((GGUF, self.folder)):
            made = self.finetuned(model, f"packed{at}", "--max-steps", PACKED_ROWS)
            losses.append([step["loss"] for step in made["steps"]])
        self.assertEqual(len(losses[0]), PACKED_ROWS)
        self.assertNotEqual(losses[0][0], losses[0][-1])
        for packed, imported in zip(*losses, strict=True):
            self.assertLess(abs(packed / imported - 1), PACKED_WITHIN)

    def test_adapters_train_beside_the_packed_file_as_beside_what_is_imported(self):
        losses, held = [], []
        for at, model in enumerate((GGUF, self.folder)):
            made = self.finetuned(model, f"adapted{at}", "--max-steps", ADAPTED_ROWS, "--lora", 8, lr=2e-3, warmup=0)
            losses.append([step["loss"] for step in made["steps"]])
            held.append(made["report"]["host"]["weights"])
            trained = safetensors.torch.load_file(pathlib.Path(made["output"], "adapter_model.safetensors"))
            self.assertTrue(all(tensor.abs().max() > 1e-3 for name, tensor in trained.items() if "lora_B" in name))
        self.assertLess(held[0], 0.4 * held[1])  # it is held as it lies
        for packed, imported in zip(*losses, strict=True):
            self.assertLess(abs(packed / imported - 1), PACKED_WITHIN)


if __name__ == "__main__":
    quietly.main()
