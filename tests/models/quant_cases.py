"""The models of the tests of --quant, and the values that their packed matrices have."""

import json
import pathlib
import shutil
import tempfile
import unittest

import gguf
import numpy
import safetensors
import torch

from program import Refused
from reference import Reference
from row import Row, make
from stored import store

NF4 = (-1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0,
       0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1)
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


def groups(size, most):
    """int4 and int8 of the plugin `rtn`: codes from each group's lowest value on; the last group may be shorter."""
    def pack(rows):
        out = rows.astype(numpy.float64)
        for first in range(0, rows.shape[1], size):
            some = out[:, first:first + size]
            low = some.min(1, keepdims=True)
            scale = (some.max(1, keepdims=True) - low) / most
            codes = numpy.rint((some - low) / numpy.where(scale > 0, scale, 1))
            some[:] = codes.astype(numpy.float32) * scale.astype(numpy.float32) + low.astype(numpy.float32)
        return out.astype(numpy.float32)
    return pack


def nf4(rows):
    """nf4 of the plugin `rtn`: the nearest of QLoRA's 16 numbers times the largest magnitude of 64."""
    numbers = numpy.array(NF4, numpy.float32)
    middles = (numbers[1:].astype(numpy.float64) + numbers[:-1]) / 2
    out = rows.astype(numpy.float64)
    for first in range(0, rows.shape[1], 64):
        some = out[:, first:first + 64]
        scale = abs(some).max(1, keepdims=True)
        some[:] = numbers[numpy.searchsorted(middles, some / scale)] * scale.astype(numpy.float32)
    return out.astype(numpy.float32)


def e4m3(rows):
    """fp8 of the plugin `rtn`: one scale for each row."""
    scale = abs(rows).max(1, keepdims=True).astype(numpy.float64) / 448
    codes = torch.from_numpy((rows / scale).astype(numpy.float32)).to(torch.float8_e4m3fn)
    return codes.to(torch.float32).numpy() * scale.astype(numpy.float32)


def is_matrix(name, tensor):
    own_rule = ("embed", "lm_head", "wte", "wpe", "gate.weight", "router")
    return tensor.dim() == 2 and not any(part in name for part in own_rule)


def packed_values(folder):
    """The values of the weights with codes, scales and perhaps zeros in the file beside the model, by name."""
    (file,) = (folder / ".strata-quant").glob("*.safetensors")
    out = {}
    with safetensors.safe_open(file, "pt") as held:
        for name, weight in json.loads(held.metadata()["strata.quant"])["weights"].items():
            rows, columns = weight["shape"]
            if weight["scheme"].startswith("fp8"):
                codes = held.get_tensor(f"{name}:codes").view(torch.float8_e4m3fn).float()
                scale = held.get_tensor(f"{name}:scales")
                out[name] = (codes * scale).numpy(), ((codes.abs() / 8).clamp(min=2**-9) * scale).numpy()
            if not weight["scheme"].startswith("int"):
                continue
            size = json.loads(weight["scheme"].partition(" ")[2] or "{}").get("group_size", 64)
            spread = lambda part: held.get_tensor(f"{name}:{part}").repeat_interleave(size, 1)[:, :columns]
            codes = held.get_tensor(f"{name}:codes")
            if codes.shape[1] != columns:
                codes = torch.stack([codes & 15, codes >> 4], 2).flatten(1)[:, :columns]
            out[name] = (codes * spread("scales") + spread("zeros")).numpy(), spread("scales").numpy()
    return out


def settled(made, name, ties):
    """The same values, but the program's where both are as near: a few, one step apart."""
    held, step = ties[name]
    apart = abs(held - made)
    tie = apart > step / 2
    assert tie.mean() < 0.02 and (apart <= step * 1.001).all() and (apart[~tie] < 1e-5).all(), name
    return numpy.where(tie, held, made).astype(numpy.float32)


def snapped(tensors, pack, model_type, wanted=is_matrix, ties=()):
    """The values that the packed matrices have: in GPT-2's files the rows are columns."""
    out = {}
    for name, tensor in tensors.items():
        if not wanted(name, tensor):
            out[name] = tensor
            continue
        columns = model_type == "gpt2"
        rows = (tensor.T if columns else tensor).to(torch.float32).contiguous().numpy()
        made = pack(rows)
        own = f"transformer.{name}" if f"transformer.{name}" in ties else name
        made = torch.from_numpy(settled(made, own, ties) if own in ties else made)
        out[name] = (made.T if columns else made).contiguous()
    return out


def relative(made, want):
    return abs(made - want).max() / abs(want).max()


def files_of(folder):
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


class Folders(unittest.TestCase):
    """Models in a folder of its own for each test; PROGRAM and PARENT are those of the script."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=self.PARENT)
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
            self.PROGRAM.logits(folder, PROMPT, *options)
        self.assertEqual(caught.exception.status, status)
        return str(caught.exception)
