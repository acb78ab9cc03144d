"""A streamed mixture layer fetches the experts that transformers' router chooses, and no other, in
whichever layout the file holds them.

Usage: experts_test.py PROGRAM FOLDER
"""

import pathlib
import shutil
import sys
import tempfile
import unittest

import gguf
import torch
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

import gguf_file
import quietly
from flip import flip
from program import TOLERANCE, Many
from reference import Reference
from row import Row, make
from rows.mixtral import METADATA, by_modules, rotated, stacked, turned
from stored import store

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
LAYERS, EXPERTS, HIDDEN, WIDE, NEW_TOKENS = 4, 8, 48, 64, 12
EXPERT_BYTES = 3 * HIDDEN * WIDE * 4
SLACK = 4 * 4096  # bytes of a read's first and last block outside of the wanted ones
PROMPT = [(7 * i + 3) % 200 for i in range(21)]
COPIED = ("--set", "run.in_place=off")  # also from memory from which the CPU could compute
ROW = Row("", {"model_type": "mixtral", "vocab_size": 200, "hidden_size": HIDDEN,
               "intermediate_size": WIDE, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
               "num_key_value_heads": 2, "num_local_experts": EXPERTS, "num_experts_per_tok": 2,
               "max_position_embeddings": 64}, "")

QWEN = Row("", {"model_type": "qwen3_moe", "vocab_size": 200, "hidden_size": HIDDEN,
                "intermediate_size": 40, "moe_intermediate_size": WIDE, "num_hidden_layers": 2,
                "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12,
                "num_experts": 6, "num_experts_per_tok": 2, "decoder_sparse_step": 1,
                "mlp_only_layers": [], "max_position_embeddings": 64}, "")
OSS = Row("", {"model_type": "gpt_oss", "vocab_size": 200, "hidden_size": 64,
               "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
               "num_key_value_heads": 2, "head_dim": 16, "num_local_experts": 5,
               "num_experts_per_tok": 2, "sliding_window": 8, "max_position_embeddings": 64,
               "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0}}, "")
OSS_YARN = Row("", OSS.config | {"rope_parameters": {
    "rope_type": "yarn", "rope_theta": 1000.0, "factor": 8.0, "truncate": False,
    "original_max_position_embeddings": 8}}, "")
MIXTRAL = Row("", {"model_type": "mixtral", "vocab_size": 256, "hidden_size": 64,
                   "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
                   "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2,
                   "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
                   "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}, "")
DESCRIPTIONS = pathlib.Path(__file__).parents[2] / "plugins/models/generic/descriptions"


def by_turns(tensors, other_way):
    """Gate and up of all experts in one tensor, their rows alternating."""
    out, experts = {}, {}
    for name, tensor in tensors.items():
        before, found, after = name.partition(".experts.")
        if found and after[0].isdigit():
            number, kind = after.split(".", 1)
            experts.setdefault(before + found, {})[int(number), kind.split("_")[0]] = tensor
        elif not found:
            out[name] = tensor
    for prefix, of in experts.items():
        gate, up, down = (torch.stack([of[e, kind] for e in range(len(of) // 3)])
                          for kind in ("gate", "up", "down"))
        both = torch.stack([gate, up], dim=2).flatten(1, 2)
        for name, tensor in (("gate_up_proj", both), ("down_proj", down)):
            out[prefix + name] = tensor.mT.contiguous() if other_way else tensor
    return out


def in_blocks(tensors, dense):
    """Random MXFP4 for all experts' matrices: codes and scales apart, or the values that transformers
    makes of them."""
    random = torch.Generator().manual_seed(5)
    out = {}
    for name, tensor in tensors.items():
        if not name.endswith(("gate_up_proj", "down_proj")):
            out[name] = tensor
            continue
        experts, inner, outer = tensor.shape
        blocks = torch.randint(0, 256, (experts, outer, inner // 32, 16), generator=random)
        scales = torch.randint(122, 126, (experts, outer, inner // 32), generator=random)
        blocks, scales = blocks.to(torch.uint8), scales.to(torch.uint8)
        if dense:
            made = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
            out[name] = made.contiguous()
        else:
            out[name + "_blocks"], out[name + "_scales"] = blocks, scales
    return out


MXFP4, Q8_0 = gguf.GGMLQuantizationType.MXFP4, gguf.GGMLQuantizationType.Q8_0
OF_FILE = {"context_length": 64, "embedding_length": 64, "block_count": 2, "feed_forward_length": 64,
           "expert_feed_forward_length": 64, "attention.head_count": 4,
           "attention.head_count_kv": 2, "attention.key_length": 16, "attention.value_length": 16,
           "attention.sliding_window": 8, "attention.layer_norm_rms_epsilon": 1e-5,
           "rope.freq_base": 1000.0, "vocab_size": 200, "expert_count": 5, "expert_used_count": 2}


def kind_of(name):
    return MXFP4 if ".experts." in name else Q8_0


def snapped(tensors):
    """Numbers that the file's blocks hold exactly; for experts the rows are columns."""
    out = {}
    for name, tensor in tensors.items():
        turned = tensor.dim() == 3
        if tensor.dim() == 1 or name.endswith("_bias"):
            out[name] = tensor
            continue
        rows = (tensor.mT if turned else tensor).contiguous().numpy()
        made = torch.from_numpy(gguf.dequantize(gguf.quantize(rows, kind_of(name)), kind_of(name)))
        out[name] = (made.mT if turned else made).contiguous()
    return out


def held_by(kind, tensors):
    """Numbers that the blocks of that kind hold exactly."""
    return {name: tensor if tensor.dim() == 1 else torch.from_numpy(
                gguf.dequantize(gguf.quantize(tensor.float().numpy(), kind), kind))
            for name, tensor in tensors.items()}


def in_parts(tensors):
    """Gate, up and down of all experts, [experts,out,in], and their biases."""
    out = {}
    for name, tensor in tensors.items():
        whole, bias = name.removesuffix("_bias"), name.endswith("_bias")
        tail = ".bias" if bias else ".weight"
        if name.endswith("sinks"):
            out[name + ".weight"] = tensor
        elif whole.endswith("gate_up_proj"):
            for first, part in enumerate(("gate_proj", "up_proj")):
                one = tensor[..., first::2]
                out[whole.replace("gate_up_proj", part) + tail] = (one if bias else one.mT).contiguous()
        elif whole.endswith("experts.down_proj"):
            out[whole + tail] = (tensor if bias else tensor.mT).contiguous()
        else:
            out[name] = tensor
    return out


def chosen(model, tokens):
    """The experts of each token, by layer."""
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
        made = PROGRAM.generate(self.folder, [PROMPT], NEW_TOKENS, "--ignore-eos", *COPIED, *options)
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
    """Other layouts in which a file may hold the experts' matrices."""

    def test_gate_and_up_by_turns_are_read_either_way_round(self):
        """The experts of qwen3_moe, with a description that says so."""
        with tempfile.TemporaryDirectory(dir=PARENT) as temporary:
            whole = pathlib.Path(temporary, "whole")
            make(QWEN, whole)
            reference = Reference(whole)
            want = reference.logits(PROMPT)
            description = DESCRIPTIONS.joinpath("qwen3_moe.toml").read_text()
            descriptions = pathlib.Path(temporary, "descriptions")
            descriptions.mkdir()
            descriptions.joinpath("qwen3_moe.toml").write_text(
                description.replace("all_gate_up", "by_turns = true\nall_gate_up"))
            described = "--set", f"model.generic.descriptions={descriptions}"
            for other_way in (False, True):
                folder = pathlib.Path(temporary, f"by turns {other_way}")
                shutil.copytree(whole, folder)
                store(folder, lambda all, other_way=other_way: by_turns(all, other_way))
                with self.subTest(other_way=other_way):
                    self.compare(folder, reference, want, *described)
            wrong = PROGRAM.logits(folder, PROMPT)  # another result shows that the layout counts
            self.assertGreater(abs(wrong - want).max() / abs(want).max(), 0.1)

    def compare(self, folder, reference, want, *options):
        part = int(sum(p.numel() * 4 for p in reference.model.parameters()) * 0.7)
        for offload in (["device"], *([tier, "--device-memory", part, *COPIED] for tier in ("cpu", "nvme"))):
            with self.subTest(offload=offload):
                made = PROGRAM.logits(folder, PROMPT, "--offload", *offload, *options)
                self.assertLessEqual(abs(made - want).max() / abs(want).max(), TOLERANCE)

    def test_blocks_whose_scales_lie_apart_are_unpacked(self):
        with tempfile.TemporaryDirectory(dir=PARENT) as temporary:
            folders = {}
            for dense in (True, False):
                folders[dense] = pathlib.Path(temporary, f"dense {dense}")
                make(OSS, folders[dense])
                store(folders[dense], lambda all, dense=dense: in_blocks(all, dense))
            reference = Reference(folders[True])
            want = reference.logits(PROMPT)
            for folder in folders.values():
                with self.subTest(stored=folder.name):
                    self.compare(folder, reference, want, "--attention", "eager")
            narrow = [PROGRAM.logits(folder, PROMPT, "--dtype", "bfloat16", "--attention", "eager")
                      for folder in folders.values()]
            # Products with codes round in other places than products with their numbers in bfloat16.
            self.assertLessEqual(abs(narrow[0] - narrow[1]).max() / abs(want).max(), 0.03)
            report = PROGRAM.generate(folders[False], [PROMPT], 2, "--offload", "device")["report"]
            self.assertLess(report["tiers"]["device"]["bytes"], report["weights"]["run_bytes"] / 2)

    def test_gpt_oss_is_read_from_gguf(self):
        with tempfile.TemporaryDirectory(dir=PARENT) as temporary:
            folder, file = pathlib.Path(temporary, "folder"), pathlib.Path(temporary, "file")
            make(OSS_YARN, folder)
            store(folder, snapped)
            reference = Reference(folder)
            shutil.copytree(folder, file)
            store(file, in_parts)
            gguf_file.write(file, "gpt-oss", OF_FILE | {
                "rope.scaling.type": "yarn", "rope.scaling.factor": 8.0,
                "rope.scaling.original_context_length": 8}, blocks=kind_of)
            self.compare(file / "model.gguf", reference, reference.logits(PROMPT), "--attention",
                         "eager")

    def test_blocks_of_nvfp4_have_a_factor_for_each_expert_or_none(self):
        row = Row("", MIXTRAL.config | {"intermediate_size": 128}, "")
        for factors in (None, 1):
            with self.subTest(factors=factors), tempfile.TemporaryDirectory(dir=PARENT) as temporary:
                folder, imported = pathlib.Path(temporary, "folder"), pathlib.Path(temporary, "imported")
                make(row, folder)
                store(folder, lambda all, factors=factors: {
                    name: tensor if tensor.dim() == 1 else torch.from_numpy(
                        gguf_file.held_by_nvfp4(tensor.numpy(), factors)) for name, tensor in all.items()})
                reference = Reference(folder)
                want = reference.logits(PROMPT)
                store(folder, stacked)
                gguf_file.write(folder, "llama", METADATA | {"feed_forward_length": 128}, reorder=rotated,
                                blocks=gguf.GGMLQuantizationType.NVFP4, factors=factors)
                file = folder / "model.gguf"
                self.assertEqual(b"attn_q.scale" in file.read_bytes(), factors is None)
                done = PROGRAM.run("logits", "--model", file, "--input-ids", "1", "--device", "cpu", "--output",
                                   folder / "logits", text=True)
                self.assertTrue(done.returncode == 0 and "left aside" not in done.stderr, done.stderr)
                self.compare(file, reference, want)
                PROGRAM.text("import", file, "--output", imported)
                far = abs(Reference(imported).logits(PROMPT) - want).max() / abs(want).max()
                self.assertLessEqual(far, TOLERANCE)

    def test_experts_in_blocks_are_multiplied_as_they_lie(self):
        for kind in (Q8_0, gguf.GGMLQuantizationType.Q4_0):
            with self.subTest(kind=kind.name), tempfile.TemporaryDirectory(dir=PARENT) as temporary:
                folder, dense = pathlib.Path(temporary, "blocks"), pathlib.Path(temporary, "dense")
                make(MIXTRAL, folder)
                store(folder, lambda all, kind=kind: stacked(held_by(kind, all)))
                shutil.copytree(folder, dense)
                for one, blocks in ((folder, kind), (dense, gguf.GGMLQuantizationType.F32)):
                    gguf_file.write(one, "llama", METADATA, blocks=blocks, reorder=rotated)
                self.in_every_tier(folder / "model.gguf", dense / "model.gguf")

    def in_every_tier(self, file, dense):
        """Resident experts share products and those that stream have their own, with the same bits."""
        want = PROGRAM.logits(dense, PROMPT)
        for products in ("exact", "fast"):
            def run(*options, products=products):
                return PROGRAM.generate(file, [PROMPT], NEW_TOKENS, "--ignore-eos", "--products",
                                        products, *options)

            def logits(*options, products=products):
                return PROGRAM.logits(file, PROMPT, "--products", products, *options)

            resident, here = run("--offload", "device"), logits("--offload", "device")
            size = resident["report"]["tiers"]["device"]["bytes"]
            self.assertLess(size, dense.stat().st_size / 2)
            if products == "exact":
                self.assertLessEqual(abs(here - want).max() / abs(want).max(), TOLERANCE)
            for tier in ("cpu", "pinned", "nvme"):
                with self.subTest(products=products, tier=tier):
                    for more in ((), COPIED):
                        self.assertEqual(abs(logits("--offload", tier, *more) - here).max(), 0)
                    least = PROGRAM.least_memory(lambda *more, tier=tier: run("--offload", tier, *COPIED, *more))
                    for budget in ((), ("--device-memory", least + size // 3)):
                        for more in ((), COPIED):
                            made = run("--offload", tier, *budget, *more)
                            self.assertEqual(made["output_ids"], resident["output_ids"])
        flip(file.parent, "blk.1.ffn_down_exps.weight", True, {})
        for offload in ("device", "cpu"):
            changed = PROGRAM.logits(file, PROMPT, "--offload", offload)
            self.assertGreater(abs(changed - want).max() / abs(want).max(), TOLERANCE)

    def test_fused_matrices_are_read_either_way_round(self):
        with tempfile.TemporaryDirectory(dir=PARENT) as temporary:
            whole = pathlib.Path(temporary, "whole")
            make(ROW, whole)
            reference = Reference(whole)
            want = reference.logits(PROMPT)
            for change in (stacked, by_modules, turned):
                folder = pathlib.Path(temporary, change.__name__)
                shutil.copytree(whole, folder)
                store(folder, change)
                with self.subTest(stored=change.__name__):
                    self.compare(folder, reference, want)


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
