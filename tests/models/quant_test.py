"""--quant packs the matrices of a plain checkpoint, as the package gguf and a formula of MXFP4 pack them.

Usage: quant_test.py PROGRAM FOLDER
"""

import json
import shutil
import sys

import gguf

import gguf_file
import quant_cases
import quietly
from program import TOLERANCE, Many, Refused
from quant_cases import (NEW_TOKENS, OF_FILE, PROMPT, ROWS, e4m3, files_of, groups, is_matrix,
                         mxfp4, nf4, packed_values, q8_0, relative)
from row import Row
from rows.mixtral import by_modules, turned
from stored import store

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
quant_cases.Folders.PROGRAM, quant_cases.Folders.PARENT = PROGRAM, PARENT


PACKED = {"Q8_0": q8_0, "MXFP4_SPLIT": mxfp4, "int8": groups(64, 255), "int4": groups(64, 15),
          "nf4": nf4, "fp8": e4m3}


class Values(quant_cases.Folders):
    """Logits and tokens are those of the values that the packed weights have."""

    def test_every_family_has_the_logits_of_the_packed_values(self):
        for name, row in ROWS.items():
            for scheme, pack in PACKED.items():
                with self.subTest(model=name, scheme=scheme):
                    folder = self.model(row, f"{name} {scheme}")
                    plain = PROGRAM.logits(folder, PROMPT)
                    made = PROGRAM.logits(folder, PROMPT, "--quant", scheme)
                    want = self.reference(folder, pack, row, ties=packed_values(folder)).logits(PROMPT)
                    self.assertLessEqual(relative(made, want), TOLERANCE)
                    self.assertGreater(relative(made, plain), TOLERANCE)

    def test_a_group_size_is_the_plugins(self):
        row = ROWS["llama"]
        folder = self.model(row)
        want = self.reference(folder, groups(32, 15), row).logits(PROMPT)
        made = PROGRAM.logits(folder, PROMPT, "--quant", "int4", "--quant-group-size", "32",
                              "--quant-symmetric", "off")
        self.assertLessEqual(relative(made, want), TOLERANCE)
        self.assertIn("group_size", self.refused(folder, "--quant", "int4", "--quant-group-size",
                                                 "31"))

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


class Refusals(quant_cases.Folders):
    def test_numbers_that_cannot_be_quantized_are_named(self):
        for value, words in ((float("nan"), "a NaN"), (float("inf"), "an infinity")):
            folder = self.model(ROWS["llama"], words)

            def spoil(all, value=value):
                all["model.layers.1.mlp.up_proj.weight"][3, 5] = value
                return all

            store(folder, spoil)
            line = self.refused(folder, "--quant", "Q8_0", status=1)
            self.assertIn(f"tensor 'model.layers.1.mlp.up_proj.weight': has {words} in row 3, column 5,", line)
            self.assertEqual(files_of(folder / ".strata-quant"), [])

    def test_options_that_mean_nothing_are_refused(self):
        folder = self.model(ROWS["llama"])
        for words, line in (
                (["--quant", "int5"], "no quant plugin for --quant 'int5'"),
                (["--quant-group-size", "64"], "--quant-group-size: there is no quantization"),
                (["--quant-symmetric", "on"], "--quant-symmetric: there is no quantization"),
                (["--quant-rule", "mlp"], "--quant-rule: 'mlp' is no rule"),
                (["--quant-rule", "mlp=Q8_0,bits=4"], "is no rule"),
                (["--quant-rule", "mlp=Q8_0,"], "is no rule"),
                (["--quant-rule", "mlp=none,group_size=32"], "is no rule"),
                (["--quant-rule", "mlp=int4,group_size=32,group_size=64"], "is no rule"),
                (["--quant-rule", "mlp=int 4"], "--quant-rule: 'int 4' is no name"),
                (["--quant", "Q4_0", "--quant-group-size", "64"], "Q4_0: it takes no group_size"),
                (["--quant-rule", "mlp=MXFP4_SPLIT,symmetric=on"], "MXFP4_SPLIT: it takes no symmetric"),
                (["--quant", "Q5_0"], "weights are packed as Q4_0, Q4_1 or Q8_0"),
                (["--quant", "NVFP4"], "weights are packed as Q4_0, Q4_1 or Q8_0"),
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


class Plans(quant_cases.Folders):
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

    def test_what_cannot_be_packed_is_not_planned(self):
        with self.assertRaises(Refused) as caught:
            self.plan("llama-2-7b", "--quant", "Q5_0")
        self.assertEqual(caught.exception.status, 2)
        self.assertIn("weights are packed as Q4_0, Q4_1 or Q8_0", str(caught.exception))

    def test_a_shape_is_planned_by_its_layout(self):
        dense, packed = self.plan("llama-2-7b"), self.plan("llama-2-7b", "--quant", "Q8_0")
        matrices = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008)
        self.assertEqual(dense["weights"]["bytes"] - packed["weights"]["bytes"],
                         matrices * 2 - matrices // 32 * 34)
        self.assertFalse(packed["weights"]["exact"])


class DeepSpeed(quant_cases.Folders):
    def test_weight_quantization_means_the_same(self):
        """With the plugins that have int4 and int8."""
        folder = self.model(ROWS["llama"])
        file = self.parent / "ds.json"
        options = {"num_bits": 4, "group_size": 32, "group_dim": 1, "symmetric": False}
        file.write_text(json.dumps(
            {"weight_quantization": {"quantized_initialization": options}}))
        made = PROGRAM.logits(folder, PROMPT, "--ds-config", file, "--dtype", "float32")
        want = PROGRAM.logits(folder, PROMPT, "--quant", "int4", "--quant-group-size", "32",
                              "--quant-symmetric", "off", "--dtype", "float32")
        self.assertEqual(abs(made - want).max(), 0)
        by_name = {"mlp": options, "up_proj": options | {"num_bits": 8}}
        file.write_text(json.dumps({"weight_quantization": {"post_init_quant": by_name}}))
        self.assertIn("both 'mlp' and 'up_proj' match", self.refused(folder, "--ds-config", file))


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
