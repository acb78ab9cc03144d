"""LoRA adapters that peft wrote: the program's logits beside a base model, resident or streamed, stored or in
blocks, are peft's, and `import --adapter` writes what merge_and_unload makes.

Usage: adapters_test.py PROGRAM FOLDER
"""

import dataclasses
import json
import os
import pathlib
import sys
import tempfile
import unittest
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"

import peft  # noqa: E402
import safetensors.torch  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

import gguf_file  # noqa: E402
import quietly  # noqa: E402
from program import Many, Refused, TOLERANCE  # noqa: E402
from row import Row, make  # noqa: E402

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
PROMPT = [(7 * i + 3) % 200 for i in range(37)]
SMALL = {"vocab_size": 200, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
MOE = SMALL | {"num_experts_per_tok": 2, "intermediate_size": 48}
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    config: dict
    lora: dict
    dtype: str = "float32"
    merges: bool = True


CASES = [
    Case("llama", SMALL | {"model_type": "llama"}, {
        "target_modules": ["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj", "lm_head", "embed_tokens"],
        "r": 4, "lora_alpha": 6, "use_rslora": True,
        # The first rule that matches counts, in the file's order.
        "rank_pattern": {"layers.0.self_attn.q_proj": 3, "q_proj": 5, r".*\.mlp\.(gate|up)_proj": 2},
        "alpha_pattern": {"down_proj": 11, "1.mlp.down_proj": 3}}),
    Case("llama, some layers", SMALL | {"model_type": "llama", "num_hidden_layers": 3}, {
        "target_modules": ["k_proj", "up_proj"], "r": 8, "lora_alpha": 16,
        "layers_to_transform": [0, 2], "exclude_modules": ["layers.2.mlp.up_proj"]}),
    Case("gpt2", {"model_type": "gpt2", "vocab_size": 200, "n_embd": 64, "n_layer": 2, "n_head": 4,
                  "n_positions": 64}, {
        "target_modules": ["c_attn", "c_proj", "c_fc"], "r": 4, "lora_alpha": 8, "fan_in_fan_out": True}),
    Case("gpt2, its table", {"model_type": "gpt2", "vocab_size": 200, "n_embd": 64, "n_layer": 2,
                             "n_head": 4, "n_positions": 64}, {
        "target_modules": ["wte", "c_attn"], "r": 4, "fan_in_fan_out": True}, merges=False),
    Case("phi3", SMALL | {"model_type": "phi3", "pad_token_id": 0}, {
        "target_modules": "all-linear", "r": 4, "rank_pattern": {"qkv_proj": 7}}),
    Case("gpt_neox", {"model_type": "gpt_neox", "vocab_size": 200, "hidden_size": 64,
                      "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
                      "max_position_embeddings": 64}, {
        "target_modules": r".*\.(query_key_value|dense_h_to_4h)", "r": 4}),
    Case("mixtral", MOE | {"model_type": "mixtral", "num_local_experts": 4}, {
        "target_modules": ["q_proj"], "target_parameters": [*EXPERTS, "mlp.gate.weight"], "r": 4,
        "rank_pattern": {"experts.down_proj": 3}, "alpha_pattern": {"gate_up_proj": 5}}),
    Case("olmoe", MOE | {"model_type": "olmoe", "num_experts": 5}, {
        "target_modules": ["v_proj"], "target_parameters": EXPERTS, "r": 4}),
    Case("olmoe, one parameter", MOE | {"model_type": "olmoe", "num_experts": 5}, {
        "target_modules": [], "target_parameters": ["mlp.experts.gate_up_proj"], "r": 2}),
    Case("gpt_oss", {"model_type": "gpt_oss", "vocab_size": 200, "hidden_size": 64,
                     "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
                     "num_key_value_heads": 2, "head_dim": 16, "num_local_experts": 5,
                     "num_experts_per_tok": 2, "sliding_window": 8, "max_position_embeddings": 64,
                     "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0}}, {
        "target_modules": ["k_proj"], "target_parameters": EXPERTS, "r": 4}),
    Case("bfloat16", SMALL | {"model_type": "llama"}, {
        "target_modules": "all-linear", "r": 4}, dtype="bfloat16"),
]


def base_of(folder, dtype="float32", **more):
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation="eager", **more).eval()


def write_adapter(base, folder, lora, seed=1):
    """An adapter of random numbers, as peft saves it."""
    adapted = peft.get_peft_model(base, peft.LoraConfig(task_type="CAUSAL_LM", **lora))
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.15)
    adapted.save_pretrained(folder)


def with_adapter(base, folder):
    return peft.PeftModel.from_pretrained(base, folder).eval()


def logits_of(model):
    with torch.no_grad():
        return model(torch.tensor([PROMPT])).logits[0].float().numpy()


def distance(made, wanted):
    return abs(made - wanted).max() / abs(wanted).max()


class Adapters(unittest.TestCase):
    def folders(self, config, lora, dtype="float32"):
        place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir=PARENT)))
        make(Row("", config, "", dtype=dtype), place / "model")
        write_adapter(base_of(place / "model", dtype), place / "adapter", lora)
        return place / "model", place / "adapter"

    def test_logits_and_merged_weights_are_those_of_peft(self):
        for case in CASES:
            with self.subTest(case.name):
                model, adapter = self.folders(case.config, case.lora, case.dtype)
                theirs = with_adapter(base_of(model, case.dtype), adapter)
                wanted, plain = logits_of(theirs), logits_of(base_of(model, case.dtype))
                self.assertGreater(distance(plain, wanted), 0.05)
                tolerance = TOLERANCE if case.dtype == "float32" else 0.03
                options = "--adapter", adapter, "--attention", "eager", "--dtype", case.dtype
                made = PROGRAM.logits(model, PROMPT, *options, "--offload", "device")
                self.assertLessEqual(distance(made, wanted), tolerance)
                for tier in ("cpu", "nvme"):
                    streamed = PROGRAM.logits(model, PROMPT, *options, "--offload", tier)
                    self.assertEqual(abs(streamed - made).max(), 0)
                if case.merges:
                    self.compare_merged(model, adapter, theirs, case.dtype)
                else:
                    with self.assertRaisesRegex(Refused, "shares its matrix with"):
                        PROGRAM.text("import", model, "--adapter", adapter, "--output",
                                     model.with_name("merged"))

    def compare_merged(self, model, adapter, theirs, dtype, tolerance=None):
        ours = model.with_name("merged")
        PROGRAM.text("import", model, "--adapter", adapter, "--output", ours)
        merged, wanted = base_of(ours, dtype).state_dict(), theirs.merge_and_unload().state_dict()
        self.assertEqual(merged.keys(), wanted.keys())
        near = tolerance or (1e-6 if dtype == "float32" else 2 ** -8)
        for name, weight in merged.items():
            self.assertEqual(weight.dtype, wanted[name].dtype, name)
            difference = (weight.float() - wanted[name].float()).abs().max()
            self.assertLessEqual(difference, near * wanted[name].float().abs().max(), name)

    def test_an_adapter_of_single_experts_is_that_of_their_parameters(self):
        """As peft wrote them for mixtral before transformers stacked the experts."""
        model, adapter = self.folders(MOE | {"model_type": "mixtral", "num_local_experts": 4},
                                      {"target_modules": ["q_proj"], "r": 4, "lora_alpha": 6})
        config = json.loads(adapter.joinpath("adapter_config.json").read_text())
        config["target_modules"] = ["q_proj", "w1", "w2", "w3"]
        adapter.joinpath("adapter_config.json").write_text(json.dumps(config))
        tensors = safetensors.torch.load_file(adapter / "adapter_model.safetensors")
        for layer in range(2):
            for expert in range(4):
                for name, out, into in (("w1", 48, 64), ("w2", 64, 48), ("w3", 48, 64)):
                    prefix = f"base_model.model.model.layers.{layer}.block_sparse_moe.experts.{expert}.{name}."
                    tensors[prefix + "lora_A.weight"] = torch.randn(4, into) * 0.15
                    tensors[prefix + "lora_B.weight"] = torch.randn(out, 4) * 0.15
        safetensors.torch.save_file(tensors, adapter / "adapter_model.safetensors")
        theirs = with_adapter(base_of(model), adapter)
        made = PROGRAM.logits(model, PROMPT, "--adapter", adapter)
        self.assertLessEqual(distance(made, logits_of(theirs)), TOLERANCE)
        self.compare_merged(model, adapter, theirs, "float32")

    def test_a_base_in_blocks_stays_as_it_is(self):
        place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir=PARENT)))
        make(Row("", SMALL | {"model_type": "llama"}, ""), place)
        gguf_file.write(place, "llama", {
            "block_count": 2, "context_length": 64, "embedding_length": 64, "feed_forward_length": 96,
            "attention.head_count": 4, "attention.head_count_kv": 2, "vocab_size": 200,
            "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0,
            "rope.dimension_count": 16}, blocks=gguf_file.BLOCKS.Q4_0, reorder=permuted)
        base = lambda: base_of(place, gguf_file="model.gguf")  # noqa: E731
        write_adapter(base(), place / "adapter", {
            "target_modules": "all-linear", "r": 4, "lora_alpha": 4})
        theirs = with_adapter(base(), place / "adapter")
        wanted = logits_of(theirs)
        options = "--adapter", place / "adapter", "--attention", "eager"
        made = PROGRAM.logits(place / "model.gguf", PROMPT, *options)
        self.assertLessEqual(distance(made, wanted), TOLERANCE)
        self.assertGreater(distance(PROGRAM.logits(place / "model.gguf", PROMPT), wanted), 0.05)
        for tier in ("cpu", "nvme"):
            streamed = PROGRAM.logits(place / "model.gguf", PROMPT, *options, "--offload", tier)
            self.assertEqual(abs(streamed - made).max(), 0)
        merged = place / "merged"
        PROGRAM.text("import", place / "model.gguf", "--adapter", place / "adapter", "--output", merged)
        self.assertLessEqual(distance(PROGRAM.logits(merged, PROMPT), wanted), TOLERANCE)

    def test_an_adapter_in_torchs_format_is_read(self):
        model, adapter = self.folders(CASES[0].config, CASES[0].lora)
        want = PROGRAM.logits(model, PROMPT, "--adapter", adapter)
        file = adapter / "adapter_model.safetensors"
        tensors = safetensors.torch.load_file(file)
        # One is saved as a transposed view, as that of a tied head is.
        name = next(name for name in tensors if name.endswith("q_proj.lora_B.weight"))
        tensors[name] = tensors[name].t().contiguous().t()
        torch.save(tensors, adapter / "adapter_model.bin")
        file.unlink()
        self.assertEqual(abs(PROGRAM.logits(model, PROMPT, "--adapter", adapter) - want).max(), 0)

    def test_whole_weights_are_imported_and_not_run(self):
        lora = {"target_modules": ["q_proj"], "r": 4, "modules_to_save": ["lm_head", "norm"]}
        model, adapter = self.folders(SMALL | {"model_type": "llama"}, lora)
        file = adapter / "adapter_model.safetensors"
        tensors = safetensors.torch.load_file(file)
        for name, tensor in tensors.items():
            if "lora_" not in name:
                tensors[name] = torch.randn_like(tensor)
        safetensors.torch.save_file(tensors, file)
        with self.assertRaisesRegex(Refused, "holds whole weights .*lm_head.weight.*strata import"):
            PROGRAM.logits(model, PROMPT, "--adapter", adapter)
        theirs = with_adapter(base_of(model), adapter)
        self.compare_merged(model, adapter, theirs, "float32")

    def test_what_it_holds_is_in_the_plan_and_the_report(self):
        model, adapter = self.folders(CASES[0].config, CASES[0].lora)
        tensors = safetensors.torch.load_file(adapter / "adapter_model.safetensors")
        bytes_of = sum(-(-tensor.numel() * 4 // 512) * 512 for name, tensor in tensors.items()
                       if "lora_" in name)
        with_it, without = (json.loads(PROGRAM.text(
            "plan", model, "--json", "--device", "cpu", *options))["peak"]["device"]
            for options in (("--adapter", adapter), ()))
        self.assertEqual(with_it["adapter"], bytes_of)
        self.assertEqual(without["adapter"], 0)
        self.assertGreaterEqual(with_it["bytes"], without["bytes"] + bytes_of)
        report = PROGRAM.generate(model, [PROMPT], 4, "--adapter", adapter)["report"]
        self.assertEqual(report["adapter"]["bytes"], bytes_of)
        self.assertLessEqual(report["peak"]["device"]["bytes"], report["peak"]["device"]["planned"])

    def test_what_is_no_adapter_of_the_model_is_refused_by_name(self):
        model, adapter = self.folders(SMALL | {"model_type": "llama"},
                                      {"target_modules": ["q_proj", "down_proj"], "r": 4})
        config = json.loads(adapter.joinpath("adapter_config.json").read_text())
        tensors = safetensors.torch.load_file(adapter / "adapter_model.safetensors")
        q = "base_model.model.model.layers.0.self_attn.q_proj."
        a, b = q + "lora_A.weight", q + "lora_B.weight"
        no = "base_model.model.model.layers.7.self_attn.q_proj."
        for words, keys, change in (
                ("peft_type is IA3", {"peft_type": "IA3"}, {}),
                ("asks for 'use_dora'", {"use_dora": True}, {}),
                ("bias is 'all'", {"bias": "all"}, {}),
                ("asks for 'new_method'", {"new_method": {"on": 1}}, {}),
                ("init_lora_weights is 'pissa", {"init_lora_weights": "pissa_niter_4"}, {}),
                ("r is no rank", {"r": 0}, {}),
                ("r is no rank", {"r": "8"}, {}),
                ("rank_pattern is no object", {"rank_pattern": [1]}, {}),
                ("is no pattern: ", {"rank_pattern": {"(": 2}}, {}),
                ("too complex|take too long", {"rank_pattern": {"((.*)*)*[XY]": 2}}, {}),
                ("target_modules has an entry", {"target_modules": [1]}, {}),
                ("'model.layers.0.mlp.down_proj' is none of adapter_config.json's target_modules",
                 {"target_modules": ["q_proj"]}, {}),
                ("q_proj' has A \\[4,64\\] and B \\[64,4\\], not \\[5,64\\] and \\[64,5\\]",
                 {"rank_pattern": {"0.self_attn.q_proj": 5}}, {}),
                ("q_proj' has A \\[4,60\\]", {}, {a: torch.zeros(4, 60)}),
                ("q_proj' has no lora_B", {}, {b: None}),
                ("lora_A.weight' is \\[4\\], no matrix", {}, {a: torch.zeros(4)}),
                ("layers.7.self_attn.q_proj' is no module of this model", {},
                 {no + "lora_A.weight": torch.zeros(4, 64), no + "lora_B.weight": torch.zeros(64, 4)}),
                ("lora_magnitude_vector.weight' is not of plain LoRA", {},
                 {q + "lora_magnitude_vector.weight": torch.zeros(64)}),
                ("is I32, which is not read", {}, {a: torch.zeros(4, 64, dtype=torch.int32)}),
                ("does not begin with 'base_model.model.'", {}, {"x.lora_A.weight": torch.zeros(4, 64)}),
                ("has no weights", {}, dict.fromkeys(tensors)),
                ("not JSON", None, {})):
            with self.subTest(words):
                other = adapter.with_name("other")
                other.mkdir(exist_ok=True)
                other.joinpath("adapter_config.json").write_text(
                    "{" if keys is None else json.dumps(config | keys))
                safetensors.torch.save_file(
                    {name: tensor for name, tensor in (tensors | change).items()
                     if tensor is not None}, other / "adapter_model.safetensors")
                with self.assertRaisesRegex(Refused, words):
                    PROGRAM.logits(model, PROMPT, "--adapter", other)
        for words, folder in (("no such adapter", "nowhere"), ("is no PEFT adapter", "model")):
            with self.assertRaisesRegex(Refused, words):
                PROGRAM.logits(model, PROMPT, "--adapter", adapter.with_name(folder))
        with self.assertRaisesRegex(Refused, "is a PEFT adapter .* its base model is .* --adapter"):
            PROGRAM.logits(adapter, PROMPT)


def permuted(name, tensor):
    """The rows of queries and keys as llama.cpp's converter orders them."""
    heads = 4 if "q_proj.weight" in name else 2 if "k_proj.weight" in name else 0
    if not heads:
        return tensor
    return tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    quietly.main()
