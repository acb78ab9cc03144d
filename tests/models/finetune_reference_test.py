"""The reference of finetune_test.py against transformers itself: padded batches with labels, packed rows under a
block mask, and its Trainer.

Usage: finetune_reference_test.py [PROGRAM] FOLDER
"""

import dataclasses
import pathlib
import sys
import tempfile
import unittest

import torch
import transformers

import finetune_cases as table
import finetune_data as data
import quietly
from finetune_data import Sequence
from finetune_reference import Loop, Settings, decays, load, packed, steps_of, train
from row import make

PARENT = sys.argv[-1]
NEAR = 2e-6  # relative, of losses in float32


def sequences(vocabulary, count, seed=5):
    rows = data.texts(seed, vocabulary, data.some_lengths(seed, count))
    return [Sequence((*ids, data.EOS), (True,) * (len(ids) + 1)) for ids in rows]


def padded(batch):
    """Ids, mask and labels of a batch, filled up behind each sequence."""
    longest = max(len(one.ids) for one in batch)

    def filled(rows, fill):
        return torch.tensor([[*row] + [fill] * (longest - len(row)) for row in rows])

    ids = [one.ids for one in batch]
    return {"input_ids": filled(ids, 0), "attention_mask": filled([[1] * len(row) for row in ids], 0),
            "labels": filled(ids, -100)}


class Reference(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def made(self, name, routers=True):
        folder = self.folder / name
        row = table.row_of(name, routers)
        make(row, folder)
        return folder, row.vocabulary

    def test_the_loss_of_a_batch_is_that_of_transformers_for_labels(self):
        for name in table.MODELS:
            with self.subTest(name):
                folder, vocabulary = self.made(name)
                batch = sequences(vocabulary, 3)
                loop = Loop(load(folder), Settings())
                got = loop.loss(batch, sum(one.count for one in batch))
                want = loop.model(**padded(batch), use_cache=False).loss
                self.assertLess(abs(got.item() / want.item() - 1), NEAR)
                if loop.mixture:
                    self.assertTrue(loop.routed)
                    self.assertGreater(loop.margin, 0)
                    self.assertLess(loop.margin, 10)

    def test_packed_sequences_are_rows_under_a_block_mask(self):
        folder, vocabulary = self.made("llama")
        rows = packed(sequences(vocabulary, 12), 48)
        self.assertTrue(all(sum(len(one.ids) for one in row) <= 48 for row in rows))
        self.assertGreater(max(map(len, rows)), 2)
        loop = Loop(load(folder), Settings())
        for row in rows:
            lengths = [len(one.ids) for one in row]
            blocks = torch.block_diag(*(torch.ones(n, n).tril() for n in lengths))
            mask = torch.zeros_like(blocks).masked_fill(blocks == 0, torch.finfo(torch.float32).min)
            with torch.no_grad():
                got = loop.model(input_ids=torch.tensor([[i for one in row for i in one.ids]]), use_cache=False,
                                 position_ids=torch.tensor([[i for n in lengths for i in range(n)]]),
                                 attention_mask=mask[None, None]).logits[0]
                want = torch.cat([loop.forward(one)[0] for one in row])
            self.assertLess(float((got - want).abs().max() / want.abs().max()), NEAR)

    def test_a_step_is_a_mean_over_all_its_scored_tokens(self):
        folder, vocabulary = self.made("olmoe", routers=False)
        every = sequences(vocabulary, 16)
        whole = train(folder, every, Settings(steps=2, batch=8))
        parts = train(folder, every, Settings(steps=2, batch=2, accumulation=4))
        for one, other in zip(whole[1], parts[1], strict=True):
            self.assertEqual(one["scored"], other["scored"])
            self.assertLess(abs(one["loss"] / other["loss"] - 1), NEAR)

    def test_a_run_is_that_of_transformers_trainer(self):
        folder, vocabulary = self.made("llama")
        settings = dataclasses.replace(table.ON, packing=0, batch=2)
        every = sequences(vocabulary, 80)
        model = load(folder)
        arguments = transformers.TrainingArguments(
            output_dir=str(self.folder / "trainer"), max_steps=settings.steps,
            per_device_train_batch_size=settings.batch, gradient_accumulation_steps=settings.accumulation,
            learning_rate=settings.lr, weight_decay=settings.weight_decay, adam_beta1=settings.betas[0],
            adam_beta2=settings.betas[1], max_grad_norm=settings.clip, warmup_steps=3,
            lr_scheduler_type=settings.schedule, optim="adamw_torch", save_strategy="no", report_to="none",
            disable_tqdm=True, use_cpu=True, train_sampling_strategy="sequential", logging_steps=1, seed=1)
        trainer = transformers.Trainer(model, arguments, data_collator=padded, train_dataset=every)
        decaying = set(trainer.get_decay_parameter_names(model))
        self.assertEqual(decaying, {name for name, p in model.named_parameters() if decays(name, p)})
        trainer.train()
        want, steps, _ = train(folder, every, dataclasses.replace(settings, smoothing=0.0))
        said = [line for line in trainer.state.log_history if "loss" in line]
        for line, step in zip(said, steps, strict=True):
            self.assertLess(abs(line["loss"] / step["loss"] - 1), 1e-4)  # the log is rounded
            self.assertLess(abs(line["grad_norm"] / step["grad_norm"] - 1), 1e-4)
            self.assertAlmostEqual(line["learning_rate"], step["lr"], delta=1e-9)
        for (name, got), (_, other) in zip(model.named_parameters(), want.named_parameters(), strict=True):
            self.assertLess(float((got - other).detach().abs().max()), 1e-5, name)
        self.assertEqual(len(steps_of(every, settings)), settings.steps)


if __name__ == "__main__":
    quietly.main()
