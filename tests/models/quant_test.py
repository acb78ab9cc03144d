"""--quant packs the matrices of a plain checkpoint, as the package gguf and a formula of MXFP4 pack them, and runs
from a file that the next start finds.

Usage: quant_test.py PROGRAM FOLDER
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import gguf
import numpy
import safetensors.torch
import torch

import gguf_file
import quietly
from program import TOLERANCE, Many, Refused, environment
from reference import Reference
from row import Row, make
from rows.mixtral import by_modules, turned
from stored import store

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
PROMPT = [(7 * i + 3) % 200 for i in range(19)]
NEW_TOKENS = 6
SIZES = {"vocab_size": 200, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
         "num_attention_heads": 4, "max_position_embeddings": 64}
ROWS = {
    "llama": Row("", SIZES | {"model_type": "llama", "num_key_value_heads": 2}, ""),
    "llama in bfloat16": Row("", SIZES | {"model_type": "llama", "num_key_value_heads": 2,
                                          "tie_word_embeddings": True}, "", dtype="bfloat16"),
    "opt": Row("", {"model_type": "opt", "vocab_size": 200, "hidden_size": 64, "ffn_dim": 96,
                    "word_embed_proj_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
                    "max_position_embeddings": 64}, ""),
    "gpt2": Row("", {"model_type": "gpt2", "vocab_size": 200, "n_embd": 64, "n_inner": 96,
                     "n_layer": 2, "n_head": 4, "n_positions": 64}, ""),
    "mixtral": Row("", SIZES | {"model_type": "mixtral", "num_key_value_heads": 2,
                                "num_local_experts": 4, "num_experts_per_tok": 2}, ""),
}
OF_FILE = {"context_length": 64, "embedding_length": 64, "block_count": 2,
           "feed_forward_length": 96, "attention.head_count": 4, "attention.head_count_kv": 2,
           "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0, "vocab_size": 200}


def q8_0(rows):
    kind = gguf.GGMLQuantizationType.Q8_0
    return gguf.dequantize(gguf.quantize(rows, kind), kind)


def mxfp4(rows):
    """The smallest power of 2 in which no number of a block exceeds 6, and the nearest codes."""
    codes = numpy.array([0, .5, 1, 1.5, 2, 3, 4, 6])
    blocks = rows.reshape(-1, 32).astype(numpy.float64)
    most = abs(blocks).max(1, keepdims=True)
    scale = numpy.exp2(numpy.ceil(numpy.log2(numpy.maximum(most, 1e-30) / 6)))
    nearest = abs(abs(blocks)[..., None] / scale[..., None] - codes).argmin(-1)
    return (numpy.sign(blocks) * codes[nearest] * scale).reshape(rows.shape).astype(numpy.float32)


def is_matrix(name, tensor):
    own_rule = ("embed", "lm_head", "wte", "wpe", "gate.weight", "router")
    return tensor.dim() == 2 and not any(part in name for part in own_rule)


def snapped(tensors, pack, model_type, wanted=is_matrix):
    """The values that the packed matrices have: in GPT-2's files the rows are columns."""
    out = {}
    for name, tensor in tensors.items():
        if not wanted(name, tensor):
            out[name] = tensor
            continue
        columns = model_type == "gpt2"
        rows = (tensor.T if columns else tensor).to(torch.float32).contiguous().numpy()
        made = torch.from_numpy(pack(rows))
        out[name] = (made.T if columns else made).contiguous()
    return out


def relative(made, want):
    return abs(made - want).max() / abs(want).max()


def files_of(folder):
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


class Folders(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.parent = pathlib.Path(temporary.name)

    def model(self, row, name="model"):
        folder = self.parent / name
        make(row, folder)
        return folder

    def reference(self, folder, pack, row, **more):
        other = self.parent / "snapped"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(folder, other, ignore=shutil.ignore_patterns(".strata-quant"))
        store(other, lambda all: snapped(all, pack, row.config["model_type"], **more))
        return Reference(other)

    def refused(self, folder, *options, status=2):
        with self.assertRaises(Refused) as caught:
            PROGRAM.logits(folder, PROMPT, *options)
        self.assertEqual(caught.exception.status, status)
        return str(caught.exception)


class Values(Folders):
    """Logits and tokens are those of the values that the packed weights have."""

    def test_every_family_has_the_logits_of_the_packed_values(self):
        for name, row in ROWS.items():
            for scheme, pack in (("Q8_0", q8_0), ("MXFP4_SPLIT", mxfp4)):
                with self.subTest(model=name, scheme=scheme):
                    folder = self.model(row, f"{name} {scheme}")
                    plain = PROGRAM.logits(folder, PROMPT)
                    want = self.reference(folder, pack, row).logits(PROMPT)
                    made = PROGRAM.logits(folder, PROMPT, "--quant", scheme)
                    self.assertLessEqual(relative(made, want), TOLERANCE)
                    self.assertGreater(relative(made, plain), TOLERANCE)

    def test_tiers_give_the_tokens_of_residents(self):
        for name in ("llama", "gpt2", "mixtral"):
            row = ROWS[name]
            folder = self.model(row, name)
            tokens, _ = self.reference(folder, q8_0, row).greedy(PROMPT, NEW_TOKENS)
            for tier in ("device", "cpu", "nvme"):
                options = ["--quant", "Q8_0", "--offload", tier, "--ignore-eos"]
                if tier != "device":
                    run = lambda *more: PROGRAM.generate(folder, [PROMPT], NEW_TOKENS, *options,
                                                         *more)
                    options += ["--device-memory", PROGRAM.least_memory(run)]
                with self.subTest(model=name, tier=tier):
                    made = PROGRAM.generate(folder, [PROMPT], NEW_TOKENS, *options)
                    self.assertEqual(made["output_ids"], [tokens])

    def test_fused_experts_are_packed_each_for_itself(self):
        row = ROWS["mixtral"]
        whole = self.model(row, "whole")
        want = self.reference(whole, q8_0, row).logits(PROMPT)
        for change in (by_modules, turned):
            folder = self.parent / change.__name__
            shutil.copytree(whole, folder)
            store(folder, change)
            with self.subTest(stored=change.__name__):
                made = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0")
                self.assertLessEqual(relative(made, want), TOLERANCE)

    def test_a_plain_gguf_model_is_packed(self):
        row = ROWS["llama"]
        folder = self.model(row)
        file = self.parent / "file"
        shutil.copytree(folder, file)
        heads = {"q_proj": 4, "k_proj": 2}

        def reorder(name, tensor):
            for part, count in heads.items():
                if part in name:
                    return tensor.unflatten(0, (count, 2, -1)).transpose(1, 2).flatten(0, 2)
            return tensor

        gguf_file.write(file, "llama", OF_FILE, blocks=gguf.GGMLQuantizationType.F32,
                        reorder=reorder)
        want = self.reference(folder, q8_0, row).logits(PROMPT)
        made = PROGRAM.logits(file / "model.gguf", PROMPT, "--quant", "Q8_0")
        self.assertLessEqual(relative(made, want), TOLERANCE)

    def test_rules_choose_by_names(self):
        row = ROWS["llama"]
        folder = self.model(row)
        want = self.reference(folder, q8_0, row,
                              wanted=lambda name, _: "down_proj" in name or "lm_head" in name)
        made = PROGRAM.logits(folder, PROMPT, "--quant-rule", "down_proj=Q8_0", "--quant-rule",
                              "lm_head=Q8_0")
        self.assertLessEqual(relative(made, want.logits(PROMPT)), TOLERANCE)
        want = self.reference(folder, q8_0, row, wanted=lambda name, tensor:
                              is_matrix(name, tensor) and "self_attn" not in name)
        made = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0", "--quant-rule", "self_attn=none")
        self.assertLessEqual(relative(made, want.logits(PROMPT)), TOLERANCE)

    def test_shapes_that_a_codec_refuses_stay_as_they_are(self):
        row = Row("", ROWS["llama"].config | {"intermediate_size": 40}, "")
        folder = self.model(row)
        want = self.reference(folder, q8_0, row, wanted=lambda name, tensor:
                              is_matrix(name, tensor) and tensor.shape[1] % 32 == 0)
        made = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0")
        self.assertLessEqual(relative(made, want.logits(PROMPT)), TOLERANCE)
        said = PROGRAM.run("logits", "--model", folder, "--input-ids", "1", "--quant", "Q8_0",
                           "--quant-cache", "off", "--output", self.parent / "x.safetensors",
                           "--device", "cpu", text=True)
        self.assertIn("2 weights stay as stored, by their shapes", said.stderr)


class Cache(Folders):
    """The file of packed weights."""

    def report(self, folder, *options):
        return PROGRAM.generate(folder, [PROMPT], 1, "--ignore-eos", *options)["report"]

    def test_the_second_start_reads_the_small_file(self):
        folder = self.model(ROWS["llama"])
        first = self.report(folder, "--quant", "Q8_0")
        second = self.report(folder, "--quant", "Q8_0")
        self.assertEqual(first["quant"]["cache"], "made")
        self.assertEqual(second["quant"]["cache"], "found")
        self.assertEqual(first["quant"]["name"], "Q8_0")
        self.assertEqual(first["quant"]["packed"], 14)
        kept = files_of(folder / ".strata-quant")
        self.assertEqual(len(kept), 1)
        size = (folder / ".strata-quant" / kept[0]).stat().st_size
        self.assertLess(size, (folder / "model.safetensors").stat().st_size)
        # Each weight is loaded once, beside the ends of its reads, from the small file alone.
        self.assertLess(second["moved"]["load"]["counted"], size + 64 * 4096)
        self.assertEqual(second["weights"]["bytes"], second["quant"]["bytes"])
        # The checkpoint's weights are not read again: other ones there change nothing.
        whole, before = folder / "model.safetensors", (folder / "model.safetensors").stat()
        want = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0")
        with open(whole, "r+b") as file:
            file.seek(before.st_size // 2)
            file.write(bytes(4096))
        os.utime(whole, ns=(before.st_atime_ns, before.st_mtime_ns))
        made = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0")
        self.assertEqual(abs(made - want).max(), 0)

    def test_what_the_file_is_made_from_counts(self):
        folder = self.model(ROWS["llama"])
        place = self.parent / "cache"
        for words in (["--quant", "Q8_0"], ["--quant", "Q4_0"],
                      ["--quant", "Q8_0", "--quant-rule", "q_proj=none"]):
            with self.subTest(words=words):
                words += ["--quant-cache", place]
                self.assertEqual(self.report(folder, *words)["quant"]["cache"], "made")
                self.assertEqual(self.report(folder, *words)["quant"]["cache"], "found")
        store(folder, lambda all: {name: tensor * 2 for name, tensor in all.items()})
        again = self.report(folder, "--quant", "Q8_0", "--quant-cache", place)
        self.assertEqual(again["quant"]["cache"], "made")
        self.assertEqual(len(files_of(place)), 4)

    def test_few_files_of_a_model_stay(self):
        folder, other = self.model(ROWS["llama"]), self.model(ROWS["gpt2"], "other")
        place = self.parent / "cache"
        self.report(other, "--quant", "Q8_0", "--quant-cache", place)
        theirs = files_of(place)
        for scheme in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4_SPLIT"):
            self.report(folder, "--quant", scheme, "--quant-cache", place)
            time.sleep(0.02)  # the files differ in their times
        kept = files_of(place)
        self.assertEqual(len(kept), 5)
        self.assertLess(set(theirs), set(kept))
        last = self.report(folder, "--quant", "MXFP4_SPLIT", "--quant-cache", place)
        self.assertEqual(last["quant"]["cache"], "found")
        first = self.report(folder, "--quant", "Q8_0", "--quant-cache", place)
        self.assertEqual(first["quant"]["cache"], "made")

    def test_off_leaves_nothing(self):
        folder = self.model(ROWS["llama"])
        before = files_of(folder)
        kept = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0", "--quant-cache",
                              self.parent / "cache")
        for tier in ("device", "cpu", "nvme"):
            made = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0", "--quant-cache", "off",
                                  "--offload", tier)
            with self.subTest(tier=tier):
                self.assertEqual(abs(made - kept).max(), 0)
                self.assertEqual(files_of(folder), before)
        self.assertEqual(self.report(folder, "--quant", "Q8_0", "--quant-cache",
                                     "off")["quant"]["cache"], "off")

    def test_a_damaged_file_is_made_again(self):
        folder = self.model(ROWS["llama"])
        want = PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0")
        file, = (folder / ".strata-quant").iterdir()
        whole = file.read_bytes()
        for damaged in (whole[:-100], b"", whole.replace(b"codes", b"codex", 1),
                        whole.replace(b"Q8_0", b"Q4_0")):
            file.write_bytes(damaged)
            with self.subTest(bytes=len(damaged)):
                self.assertEqual(abs(PROGRAM.logits(folder, PROMPT, "--quant", "Q8_0") - want).max(),
                                 0)
                self.assertEqual(file.read_bytes(), whole)

    def test_two_at_once_make_one_file(self):
        folder = self.model(ROWS["llama"])
        words = [sys.argv[1], "generate", "--model", folder, "--input-ids", "1,2,3",
                 "--max-new-tokens", "2", "--json", "--device", "cpu", "--threads", "1", "--quant",
                 "Q8_0"]
        running = [subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, env=environment()) for _ in range(3)]
        printed = [one.communicate(timeout=300) for one in running]
        self.assertEqual([one.returncode for one in running], [0, 0, 0], printed)
        self.assertEqual(len(files_of(folder / ".strata-quant")), 1)

    def test_an_interrupted_run_leaves_nothing(self):
        row = Row("", ROWS["llama"].config | {"intermediate_size": 32 * 400, "hidden_size": 512,
                                              "num_hidden_layers": 4}, "")
        folder = self.model(row)
        running = subprocess.Popen(
            [sys.argv[1], "generate", "--model", str(folder), "--input-ids", "1", "--quant", "Q4_K",
             "--device", "cpu", "--threads", "1"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=environment())
        cache = folder / ".strata-quant"
        end = time.monotonic() + 120
        while running.poll() is None and not files_of(cache) and time.monotonic() < end:
            time.sleep(0.001)
        seen = files_of(cache)
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=60)
        self.assertIn(".part-", seen[0], seen)
        self.assertEqual(files_of(cache), [])


class Refusals(Folders):
    def test_numbers_that_cannot_be_quantized_are_named(self):
        for value, words in ((float("nan"), "a NaN"), (float("inf"), "an infinity")):
            folder = self.model(ROWS["llama"], words)

            def spoil(all, value=value):
                all["model.layers.1.mlp.up_proj.weight"][3, 5] = value
                return all

            store(folder, spoil)
            line = self.refused(folder, "--quant", "Q8_0", status=1)
            self.assertIn(f"tensor 'model.layers.1.mlp.up_proj.weight': has {words}", line)
            self.assertEqual(files_of(folder / ".strata-quant"), [])

    def test_options_that_mean_nothing_are_refused(self):
        folder = self.model(ROWS["llama"])
        for words, line in (
                (["--quant", "int5"], "no quant plugin for --quant 'int5'"),
                (["--quant-group-size", "64"], "--quant-group-size: there is no quantization"),
                (["--quant-symmetric", "on"], "--quant-symmetric: there is no quantization"),
                (["--quant-rule", "mlp"], "--quant-rule: 'mlp' is no rule"),
                (["--quant-rule", "mlp=Q8_0,bits=4"], "is no rule"),
                (["--quant-rule", "nothing=Q8_0"],
                 "--quant-rule: no matrix has 'nothing' in its name"),
                (["--quant-rule", "mlp=Q8_0", "--quant-rule", "up_proj=Q4_0"],
                 "both 'mlp' and 'up_proj' match 'model.layers.0.mlp.up_proj.weight'"),
                (["--quant-rule", "embed=MXFP4_SPLIT"], "is a table, whose rows are looked up")):
            with self.subTest(words=words):
                self.assertIn(line, self.refused(folder, *words))

    def test_a_model_that_comes_quantized_is_refused(self):
        folder = self.model(ROWS["llama"])
        gguf_file.write(folder, "llama", OF_FILE)
        line = self.refused(folder / "model.gguf", "--quant", "Q8_0")
        self.assertIn("is quantized already, as Q8_0", line)


class Plans(Folders):
    def plan(self, model, *options):
        return json.loads(PROGRAM.text("plan", "--model", model, "--json", "--device", "cpu",
                                       *options))

    def test_a_plan_counts_packed_bytes_and_writes_nothing(self):
        folder = self.model(ROWS["llama"])
        plan = self.plan(folder, "--quant", "Q8_0")
        self.assertEqual(files_of(folder / ".strata-quant"), [])
        run = PROGRAM.generate(folder, [PROMPT], 1, "--quant", "Q8_0")["report"]
        self.assertEqual(plan["weights"]["bytes"], run["weights"]["bytes"])
        self.assertTrue(plan["weights"]["exact"])
        self.assertEqual(plan["quant"]["packed"], run["quant"]["packed"])
        self.assertEqual(self.plan(folder, "--quant", "Q8_0")["quant"]["cache"], "planned")

    def test_a_shape_is_planned_by_its_layout(self):
        dense, packed = self.plan("llama-2-7b"), self.plan("llama-2-7b", "--quant", "Q8_0")
        matrices = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008)
        self.assertEqual(dense["weights"]["bytes"] - packed["weights"]["bytes"],
                         matrices * 2 - matrices // 32 * 34)
        self.assertFalse(packed["weights"]["exact"])


class DeepSpeed(Folders):
    def test_weight_quantization_means_the_same(self):
        """With the plugins that have int4 and int8."""
        folder = self.model(ROWS["llama"])
        file = self.parent / "ds.json"
        options = {"num_bits": 4, "group_size": 32, "group_dim": 1, "symmetric": False}
        file.write_text(json.dumps(
            {"weight_quantization": {"quantized_initialization": options}}))
        made = PROGRAM.logits(folder, PROMPT, "--ds-config", file)
        want = PROGRAM.logits(folder, PROMPT, "--quant", "int4", "--quant-group-size", "32",
                              "--quant-symmetric", "off")
        self.assertEqual(abs(made - want).max(), 0)
        by_name = {"mlp": options, "up_proj": options | {"num_bits": 8}}
        file.write_text(json.dumps({"weight_quantization": {"post_init_quant": by_name}}))
        self.assertIn("both 'mlp' and 'up_proj' match", self.refused(folder, "--ds-config", file))


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
