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


def kept(folder):
    """The values of the matrices in the folder's file of the plugin `rtn`, [out,in], by their names there."""
    file, = (folder / ".strata-quant").iterdir()
    with safetensors.safe_open(file, "pt") as held:
        out = {}
        for name, about in json.loads(held.metadata()["strata.quant"])["weights"].items():
            part = {role: held.get_tensor(f"{name}:{role}") for role in about["parts"]}
            scheme, _, options = about["scheme"].partition(" ")
            columns = about["shape"][1]
            codes = part["codes"]
            if scheme == "int4":
                codes = torch.stack([codes & 15, codes >> 4], -1).flatten(1)[:, :columns]
            if scheme == "fp8":
                codes = codes.view(torch.float8_e4m3fn)
            size = columns if scheme == "fp8" else json.loads(options or "{}").get("group_size", 64)
            wide = [each.repeat_interleave(size, 1)[:, :columns]
                    for each in (part["scales"], part.get("zeros", torch.zeros_like(part["scales"])))]
            out[name] = codes.to(torch.float32) * wide[0] + wide[1]
    return out


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

    def reference_of(self, values, folder, row):
        """Transformers with these matrices instead of the folder's."""
        other = self.parent / "snapped"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(folder, other, ignore=shutil.ignore_patterns(".strata-quant"))
        columns = row.config["model_type"] == "gpt2"
        store(other, lambda all: all | {name: value.T.contiguous() if columns else value
                                        for name, value in values.items()})
        return Reference(other)

    def refused(self, folder, *options, status=2):
        with self.assertRaises(Refused) as caught:
            self.PROGRAM.logits(folder, PROMPT, *options)
        self.assertEqual(caught.exception.status, status)
        return str(caught.exception)
