"""Dropout in training: each rate of a described model counts where transformers applies it, as strongly, and neither
accumulation nor packing changes it.

Usage: finetune_dropout_test.py PROGRAM FOLDER
"""

import copy
import functools
import importlib
import json
import pathlib
import statistics
import sys
import tempfile
import unittest

import torch
import transformers

import finetune_data as data
import quietly
from finetune_reference import targets
from program import Many, Refused
from row import config_of, make

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)  # the models are tiny
FILES = ("generic", "generic_experts", "generic_latent", "generic_later", "generic_more", "generic_routers",
         "bloom", "llama", "mixtral", "opt")
NAMED = ("qwen2", "qwen3", "phi3", "seed_oss", "gemma3_text", "olmoe", "gpt2")
# Keys of heads that no causal language model has.
OTHER = ("classifier_dropout", "summary_first_dropout", "summary_last_dropout", "moe_dropout")


def rows():
    """The first row of each model_type in another way of computing dropout: falcon's forms differ in it."""
    seen = {}
    for file in FILES:
        for row in importlib.import_module(f"rows.{file}").ROWS:
            name = row.config["model_type"]
            if not row.gguf and not row.edit and (name == "falcon" or name not in seen):
                seen[name if name not in seen else f"{name}, {row.name}"] = row
    return seen


def is_rate(key):
    return ("dropout" in key or "pdrop" in key) and key not in OTHER


def rates_of(row):
    """The keys of dropout rates in the configuration."""
    config = config_of(row).to_dict()
    found = [key for key in config if is_rate(key)]
    if "attn_pdrop" in (config.get("attn_config") or {}):
        found.append("attn_config.attn_pdrop")
    return found


def given(config, rates):
    """The configuration with these rates."""
    out = copy.deepcopy(config)
    for key, rate in rates.items():
        place, _, name = key.rpartition(".")
        holder = getattr(out, place) if place else out
        # The class of MPT takes whole numbers alone, as it is written.
        object.__setattr__(holder, name, rate or type(getattr(holder, name))(0))
    return out


class Model:
    """A model without dropout, a file of rows of one length, and runs of both programs."""

    def __init__(self, row, parent):
        self.row, self.keys = row, rates_of(row)
        self.folder, self.file = parent / "model", parent / "rows.jsonl"
        make(row, self.folder)
        self.config = given(transformers.AutoConfig.from_pretrained(self.folder), dict.fromkeys(self.keys, 0.0))
        self.config.save_pretrained(self.folder)
        data.write_tokenizer(self.folder, row.vocabulary)
        self.rows = data.write_texts(self.file, data.texts(3, row.vocabulary, [9, 9, 9, 9]), row.vocabulary)
        self.output, self.runs = parent / "out", 0

    def losses(self, rates, *words, steps=1, seed=7):
        """The program's loss of each step; the weights stay nearly as they are."""
        self.runs += 1
        sets = [word for key, rate in rates.items() for word in ("--set", f"config.{key}={rate}")]
        made = PROGRAM.text(
            "finetune", "--model", self.folder, "--data", self.file, "--output", f"{self.output}{self.runs}",
            "--device", "cpu", "--threads", 1, "--dtype", "float32", "--lr", 1e-12, "--max-steps", steps,
            "--seed", seed, "--shuffle", "off", "--max-length", 40, "--json", *(words or ("--batch-size", 4)), *sets)
        return [step["loss"] for step in json.loads(made)["steps"]]

    @functools.cached_property
    def whole(self):
        return self.losses({})

    def reference(self, rates):
        """transformers' model in training."""
        model = transformers.AutoModelForCausalLM.from_pretrained(
            self.folder, config=given(self.config, rates), dtype=torch.float32, attn_implementation="eager",
            experts_implementation="eager")
        return model.train()


def loss_of(model, one):
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([one.ids]), use_cache=False).logits[0]
        return float(torch.nn.functional.cross_entropy(logits[:-1], targets(one)))


class Dropout(unittest.TestCase):
    def model(self, row):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        return Model(row, pathlib.Path(temporary.name))

    def test_a_rate_counts_where_transformers_applies_it(self):
        for name, row in rows().items():
            with self.subTest(name=name):
                model, counted = self.model(row), []
                torch.manual_seed(0)
                for key in model.keys:
                    reference = model.reference({key: 0.5})
                    expected = loss_of(reference, model.rows[0]) != loss_of(reference.eval(), model.rows[0])
                    with self.subTest(key=key):
                        self.assertEqual(model.losses({key: 0.5}) != model.whole, expected, f"{name}: {key}")
                    counted += [key] if expected else []
                if name in NAMED:
                    self.assertTrue(counted)

    def test_the_option_is_every_rate(self):
        for name in (*NAMED, "biogpt", "mpt", "opt"):
            with self.subTest(name=name):
                model = self.model(rows()[name])
                half = model.losses(dict.fromkeys(model.keys, 0.5))
                self.assertEqual(model.losses({}, "--batch-size", 4, "--dropout", 0.5), half)
                self.assertEqual(model.losses({}, "--batch-size", 4, "--dropout", 0), model.whole)
                self.assertNotEqual(half, model.whole)

    def test_a_rate_that_is_left_out_is_that_of_the_class(self):
        for name in ("gpt2", "seed_oss", "biogpt", "qwen2"):
            with self.subTest(name=name):
                model = self.model(rows()[name])
                file = model.folder / "config.json"
                config = json.loads(file.read_text())
                file.write_text(json.dumps({key: value for key, value in config.items() if not is_rate(key)}))
                default = transformers.AutoConfig.for_model(name)
                rates = {key: getattr(default, key) for key in model.keys}
                left_out = model.losses({})
                self.assertEqual(left_out, model.losses(rates))
                none = model.losses({}, "--batch-size", 4, "--dropout", 0)
                self.assertEqual(left_out == none, not any(rates.values()))

    def test_it_is_as_strong_as_in_transformers(self):
        draws, rate = 200, 0.3
        for name in ("gpt2", "seed_oss", "biogpt"):
            model = self.model(rows()[name])
            model.file.write_text(model.file.read_text().splitlines()[0] + "\n")
            for key in model.keys:
                with self.subTest(name=name, key=key):
                    reference = model.reference({key: rate})
                    torch.manual_seed(0)
                    theirs = [loss_of(reference, model.rows[0]) for _ in range(draws)]
                    ours = model.losses({key: rate}, "--batch-size", 1, steps=draws)
                    mine, other = statistics.stdev(ours), statistics.stdev(theirs)
                    if other == 0:
                        self.assertEqual(mine, 0)
                        continue
                    self.assertLess(abs(mine / other - 1), 0.25, f"{mine}, not {other}")
                    off = abs(statistics.mean(ours) - statistics.mean(theirs))
                    self.assertLess(off, 4 * (2 / draws) ** 0.5 * other, f"of {other}")

    def test_accumulation_and_packing_do_not_change_it(self):
        for name in (*NAMED, "biogpt", "falcon"):
            with self.subTest(name=name):
                model = self.model(rows()[name])
                rates = dict.fromkeys(model.keys, 0.4)
                whole = model.losses(rates, "--batch-size", 4, steps=2)
                self.assertNotEqual(whole[0], whole[1])
                for words in (("--batch-size", 1, "--gradient-accumulation-steps", 4),
                              ("--batch-size", 1, "--packing"), ("--batch-size", 4, "--offload", "cpu"),
                              ("--batch-size", 4, "--activation-checkpointing", "off")):
                    with self.subTest(words=words):
                        for got, want in zip(model.losses(rates, *words, steps=2), whole, strict=True):
                            self.assertLess(abs(got / want - 1), 1e-5)

    def test_what_no_family_applies_is_refused(self):
        for name, key in (("opt", "layerdrop"), ("biogpt", "layerdrop"), ("mixtral", "router_jitter_noise")):
            with self.subTest(name=name):
                model = self.model(rows()[name])
                with self.assertRaises(Refused) as refused:
                    model.losses({key: 0.1})
                self.assertIn(f"{key} is not 0", str(refused.exception))
                self.assertIn(f"--set config.{key}=0", str(refused.exception))
                self.assertEqual(len(str(refused.exception).splitlines()), 1)
                model.losses({key: 0})


if __name__ == "__main__":
    quietly.main()
