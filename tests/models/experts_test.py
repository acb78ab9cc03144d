"""A streamed mixture layer fetches the experts that transformers' router chooses, and no other, in
whichever layout the file holds them.

Usage: experts_test.py PROGRAM FOLDER
"""

import pathlib
import shutil
import sys
import tempfile
import unittest

import torch
import transformers

from program import TOLERANCE, Program
from reference import Reference
from row import Row, make
from rows.mixtral import by_modules, stacked, turned
from stored import store

PROGRAM, PARENT = Program(sys.argv[1]), sys.argv[2]
LAYERS, EXPERTS, HIDDEN, WIDE, NEW_TOKENS = 4, 8, 48, 64, 12
EXPERT_BYTES = 3 * HIDDEN * WIDE * 4
SLACK = 4 * 4096  # of a read: what lies before and behind in its first and last block
PROMPT = [(7 * i + 3) % 200 for i in range(21)]
ROW = Row("", {"model_type": "mixtral", "vocab_size": 200, "hidden_size": HIDDEN,
               "intermediate_size": WIDE, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
               "num_key_value_heads": 2, "num_local_experts": EXPERTS, "num_experts_per_tok": 2,
               "max_position_embeddings": 64}, "")


def chosen(model, tokens):
    """By layer, the experts of each token."""
    with torch.no_grad():
        logits = model(torch.tensor([tokens]), output_router_logits=True).router_logits
    return [layer.float().softmax(-1).topk(2).indices for layer in logits]


class Experts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name, "model")
        make(ROW, cls.folder)
        reference = Reference(cls.folder)
        cls.tokens, _ = reference.greedy(PROMPT, NEW_TOKENS)
        layers = chosen(reference.model, PROMPT + cls.tokens[:-1])
        passes = [slice(0, len(PROMPT)),
                  *(slice(at, at + 1) for at in range(len(PROMPT), len(layers[0])))]
        cls.needed = sum(layer[one].unique().numel() for layer in layers for one in passes)
        cls.ever = sum(layer.unique().numel() for layer in layers)
        cls.weights = sum(p.numel() * 4 for p in reference.model.parameters())

    def run_with(self, *options):
        made = PROGRAM.generate(self.folder, [PROMPT], NEW_TOKENS, "--ignore-eos", *options)
        self.assertEqual(made["output_ids"], [self.tokens])
        report = made["report"]
        for part in ("prefill", "decode"):
            self.assertEqual(report["moved"][part]["counted"], report["moved"][part]["planned"])
        self.assertLessEqual(report["peak"]["device"]["bytes"], report["peak"]["device"]["planned"])
        self.assertEqual(report["experts"]["needed"], self.needed)
        return report["experts"]

    def test_what_is_fetched_is_what_was_chosen_and_not_there(self):
        for tier in ("cpu", "pinned", "nvme"):
            slots = []
            for budget in ((), *(("--device-memory", int(self.weights * part))
                                 for part in (0.6, 0.8))):
                with self.subTest(tier=tier, budget=budget):
                    experts = self.run_with("--offload", tier, *budget)
                    missed = experts["needed"] - experts["hits"]
                    self.assertGreaterEqual(missed, self.ever)
                    self.assertAlmostEqual(experts["hit_rate"], 1 - missed / self.needed)
                    self.assertGreaterEqual(experts["fetched_bytes"], missed * EXPERT_BYTES)
                    most = missed * (EXPERT_BYTES + (SLACK if tier == "nvme" else 0))
                    self.assertLessEqual(experts["fetched_bytes"], most)
                    slots.append((experts["slots"], experts["hits"]))
            self.assertEqual(slots[0][0], 2)
            self.assertEqual(slots, sorted(slots))
            self.assertGreater(slots[-1][1], slots[0][1])

    def test_a_resident_model_has_no_slots(self):
        made = PROGRAM.generate(self.folder, [PROMPT], NEW_TOKENS, "--ignore-eos", "--offload",
                                "device")
        self.assertEqual(made["output_ids"], [self.tokens])
        self.assertNotIn("experts", made["report"])


class Layouts(unittest.TestCase):
    """What other ways a file may hold the experts' matrices."""

    def test_fused_matrices_are_read_either_way_round(self):
        with tempfile.TemporaryDirectory(dir=PARENT) as temporary:
            whole = pathlib.Path(temporary, "whole")
            make(ROW, whole)
            reference = Reference(whole)
            want = reference.logits(PROMPT)
            part = int(sum(p.numel() * 4 for p in reference.model.parameters()) * 0.7)
            for change in (stacked, by_modules, turned):
                folder = pathlib.Path(temporary, change.__name__)
                shutil.copytree(whole, folder)
                store(folder, change)
                for offload in (["device"], ["cpu"], ["nvme"],
                                *([tier, "--device-memory", part] for tier in ("cpu", "nvme"))):
                    with self.subTest(stored=change.__name__, offload=offload):
                        made = PROGRAM.logits(folder, PROMPT, "--offload", *offload)
                        far = abs(made - want).max() / abs(want).max()
                        self.assertLessEqual(far, TOLERANCE)


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    unittest.main(argv=sys.argv[:1])
