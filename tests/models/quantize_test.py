"""`strata quantize` against transformers with compressed-tensors: the folder loads, and gives the logits of the
same model with the dequantized weights.

Usage: quantize_test.py PROGRAM FOLDER
"""

import json
import pathlib
import sys
import tempfile
import unittest
import warnings

import compressed_tensors  # noqa: F401  transformers loads the folders with it
import numpy as np
import safetensors.torch
import torch
import transformers
from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig
from compressed_tensors.quantization.utils import calculate_qparams

import finetune_data as data
import quietly
from compressed_layout import configuration, dequantized, tensors, write_twin
from program import TOLERANCE, Many, Refused

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
IDS = list(range(3, 27))
SIZES = dict(vocab_size=96, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, initializer_range=0.2)
FORMATS = {  # the options, the bits of a code, and whether there are zero points
    "int4": (("int4",), 4, False),
    "int4 groups of 32": (("int4", "--quant-group-size", "32"), 4, False),
    "int4 zero points": (("int4", "--quant-symmetric", "off"), 4, True),
    "int8": (("int8",), 8, False),
    "int8 groups": (("int8", "--quant-group-size", "64"), 8, False),
    "int8 zero points": (("int8", "--quant-symmetric", "off"), 8, True),
    "fp8": (("fp8",), 8, False),
}


def logits(folder, **options):
    if options:
        options = {"quantization_config": transformers.CompressedTensorsConfig(**options)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that the folder's own configuration is the one that counts
        model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **options)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    with torch.no_grad():
        return model.eval()(torch.tensor([IDS])).logits[0].float()


class Quantize(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir=PARENT)))

    def save(self, kind, dtype=torch.float32, **more):
        torch.manual_seed(len(kind))
        config = getattr(transformers, kind + "Config")(**SIZES, **more)
        model = getattr(transformers, kind + "ForCausalLM")(config).to(dtype)
        model.save_pretrained(self.place / "dense")
        return self.place / "dense"

    def quantize(self, dense, words, *more, name="ours"):
        return json.loads(PROGRAM.text("quantize", dense, "--output", self.place / name, "--json", "--quant", *words,
                                       *more))

    def check(self, dense, which):
        """The folder's logits in transformers are those of the dense model with its weights, in both programs."""
        words, bits, zeros = FORMATS[which]
        ours, twin = self.place / which, self.place / (which + " twin")
        made = self.quantize(dense, words, name=which)
        names = write_twin(ours, dense, twin, bits)
        self.assertEqual(made["quantized_weights"], len(names))
        wanted = logits(twin)
        self.assertTrue(torch.equal(logits(ours, dequantize=True), wanted))
        if not zeros:  # transformers 5.24 loads zero points in no other way, not even the package's own
            self.assertTrue(torch.equal(logits(ours), wanted))
        if configuration(dense)["dtype"] == "float32":
            strata = PROGRAM.logits(twin, IDS)
            self.assertLess(np.abs(strata - wanted.numpy()).max(), TOLERANCE * np.abs(wanted.numpy()).max())
        for name, tensor in tensors(dense).items():
            if name not in names:
                self.assertTrue(torch.equal(tensors(ours)[name], tensor), name)
        return made, names

    def test_each_format_loads_and_gives_the_dequantized_logits(self):
        dense = self.save("Llama")
        for which in FORMATS:
            with self.subTest(which):
                made, names = self.check(dense, which)
                self.assertEqual(len(names), 14)
                self.assertEqual(made["ignored"], ["lm_head"])

    def test_16_bits_and_tied_embeddings(self):
        for dtype, tied in ((torch.bfloat16, True), (torch.float16, False)):
            with self.subTest(dtype), tempfile.TemporaryDirectory(dir=PARENT) as place:
                self.place = pathlib.Path(place)
                dense = self.save("Llama", dtype, tie_word_embeddings=tied)
                for which in ("int4", "fp8"):
                    made, _ = self.check(dense, which)
                    self.assertIn("lm_head", made["ignored"])
                    scale = "model.layers.0.mlp.up_proj.weight_scale"
                    self.assertEqual(tensors(self.place / which)[scale].dtype, dtype)

    def test_experts_of_their_own_are_quantized_and_routers_are_not(self):
        dense = self.save("Mixtral", num_local_experts=4)
        made, names = self.check(dense, "int4")
        self.assertIn("model.layers.1.block_sparse_moe.experts.3.w2.weight", names)
        self.assertEqual(len(names), 2 * (4 + 4 * 3))
        self.assertIn("model.layers.0.block_sparse_moe.gate", made["ignored"])
        self.check(dense, "fp8")

    def test_the_configuration_is_the_packages(self):
        dense = self.save("Llama")
        self.quantize(dense, ("int4",))
        ours = configuration(self.place / "ours")["quantization_config"]
        parsed = QuantizationConfig.model_validate(ours)
        self.assertEqual(parsed.format, "pack-quantized")
        self.assertEqual(parsed.ignore, ["lm_head"])
        group = parsed.config_groups["group_0"]
        self.assertEqual(group.targets, ["Linear"])
        self.assertEqual(group.weights, QuantizationArgs(num_bits=4, strategy="group", group_size=64))
        self.assertIsNone(group.input_activations)

    def test_the_error_is_less_than_with_the_packages_scales(self):
        dense = self.save("Llama")
        for which, strategy in (("int4", "group"), ("int8", "channel"), ("int4 zero points", "group")):
            words, bits, zeros = FORMATS[which]
            self.quantize(dense, words, name=which)
            held = tensors(self.place / which)
            args = QuantizationArgs(num_bits=bits, strategy=strategy, symmetric=not zeros,
                                    **({"group_size": 64} if strategy == "group" else {}))
            for name, weight in tensors(dense).items():
                if name + "_scale" not in held:
                    continue
                groups = weight.unflatten(-1, (held[name + "_scale"].shape[1], -1))
                scale, zero = calculate_qparams(groups.amin(-1), groups.amax(-1), args)
                zero = zero[..., None].float()
                low, high = -(1 << bits - 1), (1 << bits - 1) - 1
                codes = (groups / scale[..., None] + zero).clamp(low, high).round() - zero
                theirs = (codes * scale[..., None] - groups).square().sum()
                ours = (dequantized(held, name, bits) - weight).square().sum()
                self.assertLess(ours, theirs * (0.97 if bits == 4 else 1), f"{which}: {name}")

    def text(self, dense):
        """A text for the model, which gets a tokenizer, and the ids of its tokens: 3 windows, one of them shorter."""
        data.write_tokenizer(dense, SIZES["vocab_size"])
        ids = data.texts(3, SIZES["vocab_size"], [1300])[0]
        letter = data.letters(SIZES["vocab_size"])
        file = self.place / "text"
        file.write_text("".join(letter[id] for id in ids))
        return file, ids

    def test_a_text_lowers_the_error_of_what_it_is_multiplied_with(self):
        dense = self.save("Llama")
        text, ids = self.text(dense)
        model = transformers.AutoModelForCausalLM.from_pretrained(dense).eval()
        squares = {}

        def note(name):
            def hook(module, inputs):
                squares[name] = squares.get(name, 0) + inputs[0].flatten(0, -2).square().sum(0)
            return hook

        for name, module in model.model.named_modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_pre_hook(note(f"model.{name}.weight"))
        with torch.no_grad():
            for at in range(0, len(ids), 512):
                model(torch.tensor([ids[at:at + 512]]))
        self.assertEqual(len(squares), 14)
        weights = tensors(dense)
        for which in ("int4", "int4 zero points"):
            words, bits, _ = FORMATS[which]
            plain = self.quantize(dense, words, name=which)
            made = self.quantize(dense, words, "--calibrate", text, name=which + " calibrated")
            self.assertNotIn("calibration_tokens", plain)
            self.assertEqual((made["calibration_tokens"], made["calibrated_weights"]), (len(ids), 14))
            for name, sums in squares.items():
                errors = [(dequantized(tensors(self.place / folder), name, bits) - weights[name]).square()
                          .mul(sums).sum() for folder in (which, which + " calibrated")]
                self.assertLess(errors[1], errors[0], f"{which}: {name}")

    def test_streamed_weights_and_experts_are_calibrated(self):
        dense = self.save("Mixtral", num_local_experts=4)
        text, _ = self.text(dense)
        self.quantize(dense, ("int4",), name="plain")
        for name, options in (("resident", ()), ("streamed", ("--offload", "nvme"))):
            made = self.quantize(dense, ("int4",), "--calibrate", text, *options, name=name)
            self.assertEqual(made["calibrated_weights"], made["quantized_weights"])
        plain, resident, streamed = (tensors(self.place / name) for name in ("plain", "resident", "streamed"))
        for name, tensor in resident.items():
            self.assertTrue(torch.equal(tensor, streamed[name]), name)
        for module in ("self_attn.o_proj", *(f"block_sparse_moe.experts.{e}.w2" for e in range(4))):
            name = f"model.layers.1.{module}.weight_scale"
            self.assertFalse(torch.equal(plain[name], resident[name]), name)

    def test_windows_have_as_many_tokens_as_positions_were_learned(self):
        dense = self.save("OPT", ffn_dim=128, word_embed_proj_dim=SIZES["hidden_size"], max_position_embeddings=96)
        text, ids = self.text(dense)
        made = self.quantize(dense, ("int4",), "--calibrate", text)
        self.assertEqual((made["calibration_tokens"], made["calibrated_weights"]), (len(ids), 12))

    def test_a_text_without_tokens_and_one_for_fp8_are_refused(self):
        dense = self.save("Llama")
        text, _ = self.text(dense)
        text.write_text("")
        self.refused(dense, ("int4",), "has no tokens", "--calibrate", text)
        with self.assertRaises(Refused) as caught:
            self.quantize(dense, ("fp8",), "--calibrate", text, name="refused")
        self.assertEqual(caught.exception.status, 2)

    def test_a_large_model_has_several_files(self):
        dense = self.save("Llama", torch.bfloat16)
        self.quantize(dense, ("int4",), "--max-shard-size", "20kB", name="many")
        self.quantize(dense, ("int4",), name="one")
        many = sorted(file.name for file in (self.place / "many").glob("*.safetensors"))
        self.assertGreater(len(many), 2)
        self.assertEqual(many[0], f"model-00001-of-{len(many):05}.safetensors")
        index = json.loads((self.place / "many/model.safetensors.index.json").read_text())
        one = tensors(self.place / "one")
        self.assertEqual(index["weight_map"].keys(), one.keys())
        self.assertEqual(index["metadata"]["total_size"], sum(t.nbytes for t in one.values()))
        for name, tensor in tensors(self.place / "many").items():
            self.assertTrue(torch.equal(tensor, one[name]), name)
        self.assertTrue(torch.equal(logits(self.place / "many"), logits(self.place / "one")))

    def refused(self, dense, words, fact, *more):
        with self.assertRaises(Refused) as caught:
            self.quantize(dense, words, *more, name="refused")
        self.assertIn(fact, str(caught.exception))
        self.assertEqual(caught.exception.status, 1)
        self.assertEqual([file.name for file in self.place.iterdir() if "refused" in file.name], [])

    def test_what_cannot_be_quantized_is_refused_by_name(self):
        dense = self.save("Llama")
        self.refused(dense, ("int4", "--quant-group-size", "128"),
                     "'model.layers.0.mlp.gate_proj.weight': its 64 columns are not whole groups of 128: "
                     "give --quant-group-size 64")
        self.quantize(dense, ("int4",), name="ours")
        self.refused(self.place / "ours", ("int8",), "")
        held = tensors(dense)
        held["model.layers.1.mlp.up_proj.weight"][5, 7] = float("nan")
        safetensors.torch.save_file(held, dense / "model.safetensors", metadata={"format": "pt"})
        self.refused(dense, ("int4",), "'model.layers.1.mlp.up_proj.weight': row 5 has a number that is not finite")

    def test_matrices_that_no_linear_module_has_are_refused(self):
        torch.manual_seed(1)
        transformers.GPT2LMHeadModel(transformers.GPT2Config(
            vocab_size=96, n_embd=64, n_layer=1, n_head=4, n_positions=64)).save_pretrained(self.place / "gpt2")
        self.refused(self.place / "gpt2", ("int4",), "none of its matrices is the weight of a linear module")


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
