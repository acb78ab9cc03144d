"""On the CPU, units in a tier of host memory run where they lie: the tokens are a resident run's, no byte is moved,
and the report and the plan count each unit once.

Usage: in_place_test.py PROGRAM FOLDER
"""

import json
import pathlib
import sys
import tempfile
import unittest

import gguf

import gguf_file
import quietly
from flip import flip
from program import Many
from row import Row, make
from rows import mixtral
from stored import store

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
NEW_TOKENS = 8
PROMPT = [(7 * i + 3) % 200 for i in range(17)]
COPIED = ("--set", "run.in_place=off")
MIXTRAL = mixtral.row("", "", 4, 2, hidden_size=128, intermediate_size=256, num_attention_heads=4)
METADATA = mixtral.METADATA | {"embedding_length": 128, "feed_forward_length": 256, "rope.dimension_count": 32}
LLAMA = Row("", {key: value for key, value in MIXTRAL.config.items() if "experts" not in key} |
            {"model_type": "llama"}, "")
TIED = Row("", LLAMA.config | {"tie_word_embeddings": True}, "")
GPT2 = Row("", {"model_type": "gpt2", "vocab_size": 256, "n_positions": 64, "n_embd": 128, "n_layer": 3, "n_head": 4,
                "bos_token_id": 1, "eos_token_id": 2}, "")


def in_blocks(kind, folder, row):
    make(row, folder)
    mixes = "num_local_experts" in row.config
    if mixes:
        store(folder, mixtral.stacked)
    gguf_file.write(folder, "llama", {key: value for key, value in METADATA.items()
                                      if mixes or "expert" not in key}, blocks=kind, reorder=mixtral.rotated)
    return folder / "model.gguf"


def plain(dtype):
    def write(folder, row):
        make(Row("", row.config, "", dtype=dtype), folder)
        return folder
    return write


def blocks(kind):
    return lambda folder, row: in_blocks(kind, folder, row)


Q4_0 = gguf.GGMLQuantizationType.Q4_0
MODELS = {"llama in bfloat16": (LLAMA, plain("bfloat16")), "tied llama in bfloat16": (TIED, plain("bfloat16")),
          "llama in Q4_0": (LLAMA, blocks(Q4_0)), "tied llama in Q4_0": (TIED, blocks(Q4_0)),
          "mixtral in bfloat16": (MIXTRAL, plain("bfloat16")), "mixtral in Q4_0": (MIXTRAL, blocks(Q4_0)),
          "gpt2": (GPT2, plain("float32"))}


def moved(made):
    parts = made["report"]["moved"]
    for part in ("prefill", "decode"):
        assert parts[part]["counted"] == parts[part]["planned"], parts
    return sum(parts[part]["counted"] for part in ("prefill", "decode"))


def held(made):
    """Bytes of weights, by place."""
    return {name: tier["bytes"] for name, tier in made["report"]["tiers"].items()}


class InPlace(unittest.TestCase):
    def with_each_model(self, check):
        for name, (row, write) in MODELS.items():
            with self.subTest(name), tempfile.TemporaryDirectory(dir=PARENT) as folder:
                check(write(pathlib.Path(folder, "model"), row))

    def run_with(self, model, *options):
        return PROGRAM.generate(model, [PROMPT], NEW_TOKENS, "--ignore-eos", *options)

    def test_what_lies_in_host_memory_is_not_moved(self):
        def check(model):
            for dtype in ("float32", "bfloat16"):
                resident = self.run_with(model, "--dtype", dtype, "--offload", "device")
                for tier in ("cpu", "pinned"):
                    with self.subTest(dtype=dtype, tier=tier):
                        self.check_places(model, resident, "--dtype", dtype, "--offload", tier)

        self.with_each_model(check)

    def check_places(self, model, resident, *options):
        tier = options[-1]
        whole = self.run_with(model, *options)
        self.same(resident, whole)
        self.assertEqual(held(whole), {"device": 0, tier: held(whole)[tier]})
        size = held(whole)[tier]
        # With less the prompt would be cut, and the last bits of products differ.
        least = whole["report"]["peak"]["device"]["planned"]
        before = 0
        for part in (0, 0.15, 0.3):
            budget = "--device-memory", least + int(size * part)
            made = self.run_with(model, *options, *budget)
            self.same(resident, made)
            self.assertEqual(sum(held(made).values()), size)
            self.assertGreaterEqual(held(made)["device"], max(before, (part - 0.2) * size))
            before = held(made)["device"]
            self.assertGreater(held(made)[tier], 0)
            self.assertLessEqual(made["report"]["peak"]["device"]["bytes"], budget[1])
            plan = json.loads(PROGRAM.text("plan", "--model", model, "--json", "--device", "cpu", *options, *budget,
                                           "--prompt-len", len(PROMPT), "--gen-len", NEW_TOKENS))
            self.assertEqual(plan["moved_bytes_per_pass"], 0)
            self.assertNotIn("experts", plan)
            self.assertEqual(plan["tiers"], made["report"]["tiers"])
        copied = self.run_with(model, *options, *COPIED)
        self.assertEqual(copied["output_ids"], resident["output_ids"])
        self.assertGreater(moved(copied), 0)

    def same(self, resident, made):
        self.assertEqual(made["output_ids"], resident["output_ids"])
        self.assertEqual(moved(made), 0)
        self.assertNotIn("experts", made["report"])

    def test_logits_are_those_of_copied_units(self):
        def check(model):
            options = "--dtype", "bfloat16", "--offload", "cpu"
            made, copied = (PROGRAM.logits(model, PROMPT, *options, *more) for more in ((), COPIED))
            self.assertEqual(abs(made - copied).max(), 0)

        self.with_each_model(check)

    def test_a_flipped_bit_counts(self):
        with tempfile.TemporaryDirectory(dir=PARENT) as temporary:
            folder = pathlib.Path(temporary, "model")
            file = in_blocks(Q4_0, folder, MIXTRAL)
            before = PROGRAM.logits(file, PROMPT, "--offload", "cpu")
            for name in ("blk.1.attn_output.weight", "blk.1.ffn_down_exps.weight"):
                flip(folder, name, True, {})
                after = PROGRAM.logits(file, PROMPT, "--offload", "cpu")
                self.assertGreater(abs(after - before).max(), 0)
                before = after

    def test_blocks_without_products_are_expanded_once_where_there_is_room(self):
        with tempfile.TemporaryDirectory(dir=PARENT) as temporary:
            file = in_blocks(Q4_0, pathlib.Path(temporary, "model"), LLAMA)
            options = "--dtype", "float16", "--offload", "cpu"
            resident = self.run_with(file, "--dtype", "float16", "--offload", "device")
            expanded = self.run_with(file, *options)
            self.same(resident, expanded)
            copied = self.run_with(file, *options, *COPIED)
            packed = held(copied)["cpu"]
            self.assertGreater(held(expanded)["cpu"], 2 * packed)
            small = self.run_with(file, *options, "--host-memory", held(expanded)["cpu"] - 1)
            self.assertEqual(small["output_ids"], resident["output_ids"])
            self.assertEqual((held(small)["cpu"], moved(small)), (packed, moved(copied)))

    def test_units_in_files_stream_beside_those_in_memory(self):
        with tempfile.TemporaryDirectory(dir=PARENT) as temporary:
            for name, row in (("llama", LLAMA), ("mixtral", MIXTRAL)):
                folder = plain("float32")(pathlib.Path(temporary, name), row)
                resident = self.run_with(folder, "--offload", "device")
                size = held(self.run_with(folder, "--offload", "cpu"))["cpu"]
                options = "--offload", "auto", "--device-memory", size // 2, "--host-memory", size // 3
                some, all = self.run_with(folder, *options), self.run_with(folder, *options, *COPIED)
                self.assertEqual(some["output_ids"], resident["output_ids"])
                self.assertEqual(all["output_ids"], resident["output_ids"])
                self.assertGreater(moved(some), 0)
                self.assertLess(moved(some), moved(all))


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
