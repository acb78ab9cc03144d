"""Configurations without weights: their sizes, and the options that replace their keys.

Usage: configurations_test.py PROGRAM FOLDER
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import transformers

PROGRAM, PARENT = sys.argv[1], sys.argv[2]
SHAPES = pathlib.Path(PROGRAM).resolve().parents[1] / "share/strata/shapes"
GIB = 2 ** 30
OVERRIDES = {"hidden_size": 12288, "word_embed_proj_dim": 12288, "ffn_dim": 49152,
             "num_attention_heads": 96, "num_hidden_layers": 96}


def plan(model, *options):
    return subprocess.run(
        [PROGRAM, "plan", "--model", str(model), "--json", "--device", "cpu", "--device-memory",
         "1TiB", "--host-memory", "1TiB", *map(str, options)], capture_output=True, text=True,
        env={"PATH": os.environ["PATH"]})


def planned(model, *options):
    done = plan(model, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def plan_alone(model, *options):
    """A plan without the values for the machine's free memory and the program's own memory."""
    made = planned(model, *options)
    for measured in ("free", "program", "bytes"):
        del made["peak"]["host"][measured]
    return made


def shape(name):
    return json.loads((SHAPES / f"{name}.json").read_text())


class Configurations(unittest.TestCase):
    def config(self, **keys):
        folder = self.enterContext(tempfile.TemporaryDirectory(dir=PARENT))
        file = pathlib.Path(folder, "config.json")
        file.write_text(json.dumps(shape("llama-2-7b") | keys))
        return file

    def test_opt_175b_is_opt_66b_with_five_keys_replaced(self):
        small, large = shape("opt-66b"), shape("opt-175b")
        self.assertEqual([small[key] for key in OVERRIDES], [9216, 9216, 36864, 72, 64])
        self.assertEqual(small | OVERRIDES, large)
        replaced = [part for key, value in OVERRIDES.items()
                    for part in ("--set", f"config.{key}={value}")]
        self.assertEqual(plan_alone("opt-66b", *replaced), plan_alone("opt-175b"))
        for name, size in (("opt-66b", 122.4), ("opt-175b", 325.2)):
            self.assertAlmostEqual(planned(name)["weights"]["bytes"] / GIB, size, delta=0.1)

    def test_a_model_type_is_named_where_the_configuration_has_none_or_another(self):
        file = self.config()
        for written in ({"model_type": "bloom-7b1"}, {"model_type": None}, {"model_type": "other"}):
            file.write_text(json.dumps(shape("bloom-7b1") | written))
            named = written["model_type"] == "bloom-7b1"
            self.assertEqual(plan(file).returncode == 0, named)
            self.assertEqual(plan_alone(file, "--set", "config.model_type=bloom"),
                             plan_alone("bloom-7b1"))

    def test_sizes_come_from_the_tensors(self):
        # One key head for eight heads, and a gated mlp: the formulas over the shape get these wrong.
        got = planned("llama-2-70b", "--dtype", "float16", "--batch-size", 96, "--prompt-len", 512,
                      "--gen-len", 256)
        self.assertAlmostEqual(got["weights"]["bytes"] / GIB, 128.5, delta=0.06)
        batch, tokens, layers, key_heads, head = 96, 768, 80, 8, 128
        self.assertEqual(got["peak"]["device"]["kv"],
                         2 * 2 * batch * tokens * layers * key_heads * head)

    def test_bench_says_exact_sizes_and_those_of_the_formulas(self):
        file = self.config(hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                           num_attention_heads=4, num_key_value_heads=1, vocab_size=128)
        done = subprocess.run(
            [PROGRAM, "bench", "--dummy", "--model", file, "--json", "--device", "cpu", "--dtype",
             "bfloat16", "--batch-size", "3", "--prompt-len", "8", "--gen-len", "4", "--loops", "1"],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        sizes = json.loads(done.stdout)["sizes"]
        l, h, v, tokens = 2, 64, 128, 3 * 12
        self.assertEqual(sizes["model"], 2 * transformers.LlamaForCausalLM(
            transformers.LlamaConfig(**json.loads(file.read_text()))).num_parameters())
        self.assertEqual(sizes["hidden"], tokens * h * 2)
        self.assertEqual(sizes["formula_cache"], 2 * tokens * l * h * 2)
        self.assertEqual(sizes["formula_model"], 2 * (l * (
            h * (3 * h + 1) + h * (h + 1) + h * (4 * h + 1) + 4 * h * (h + 1) + 4 * h) + v * (h + 1)))
        # One key head of four, and blocks of tokens in whole.
        self.assertGreaterEqual(sizes["cache"], sizes["formula_cache"] / 4)

    def test_bench_makes_up_weights_of_a_quantization(self):
        file = self.config(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                           num_key_value_heads=4, vocab_size=128)
        reports = {}
        for quant in ("none", "int4", "Q8_0"):
            for tier in ("device", "cpu", "nvme"):
                words = [] if tier == "device" else ["--offload", tier, "--offload-dir", self.config().parent]
                done = subprocess.run(
                    [PROGRAM, "bench", "--dummy", "--model", file, "--json", "--device", "cpu", "--dtype", "float32",
                     "--batch-size", "2", "--prompt-len", "8", "--gen-len", "4", "--loops", "1", "--quant", quant,
                     *words], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                reports[quant] = json.loads(done.stdout)["report"]
        self.assertNotIn("quant", reports["none"])
        for quant in ("int4", "Q8_0"):
            self.assertEqual((reports[quant]["quant"]["cache"], reports[quant]["quant"]["packed"]), ("planned", 14))
            self.assertLess(reports[quant]["tiers"]["nvme"]["bytes"], 0.5 * reports["none"]["tiers"]["nvme"]["bytes"])

    def test_the_dtype_has_two_names_and_is_float16_without_either(self):
        bytes_of = lambda **keys: planned(self.config(**keys))["weights"]["bytes"]
        wide = bytes_of(dtype="float32")
        self.assertEqual(bytes_of(dtype=None, torch_dtype="float32"), wide)
        self.assertEqual(bytes_of(dtype=None), wide // 2)
        self.assertEqual(bytes_of(dtype="bfloat16", torch_dtype="float32"), wide // 2)

    def test_an_unknown_model_type_is_refused_with_the_nearest_ones(self):
        done = plan("llama-2-7b", "--set", "config.model_type=lama")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "^error: plugins: no model plugin for model_type 'lama': did you mean "
                                      "'llama'\\? `strata plugins list` lists all; --plugin FILE.so names one that "
                                      "lies elsewhere$")
        self.assertLessEqual(len(done.stderr.strip()), 300)

    def test_a_ds_config_is_shown_as_it_was_read(self):
        ds = self.config().parent / "ds.json"
        ds.write_text(json.dumps({
            "train_batch_size": 8, "bfloat16": {"enabled": True}, "wild": 1,
            "zero_optimization": {"stage": 2, "reduce_bucket_size": "auto", "overlap_comm": False}}))
        got = planned("llama-2-7b", "--ds-config", ds)["ds_config"]
        self.assertEqual(got["understood"], {
            "bf16.enabled": True, "train_batch_size": 8, "zero_optimization.stage": 2})
        self.assertEqual({one["key"]: one["value"] for one in got["ignored"]}, {
            "zero_optimization.overlap_comm": False, "zero_optimization.reduce_bucket_size": 4096 ** 2})
        self.assertEqual(got["batch"]["train_micro_batch_size_per_gpu"], 8)
        self.assertEqual([one["key"] for one in got["replaced"] + got["unknown"]],
                         ["bfloat16", "wild"])
        self.assertIn("stage 2 runs as stage 3", plan("llama-2-7b", "--ds-config", ds).stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
