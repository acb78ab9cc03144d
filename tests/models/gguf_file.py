"""Writes a Hugging Face folder's model as GGUF, as llama.cpp's converter lays it out."""

import gguf
import numpy as np
import safetensors.torch
import torch

BLOCKS = gguf.GGMLQuantizationType
E2M1 = np.float32([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def nvfp4(data, factors=None):
    """A matrix, or a stack of them, in blocks of NVFP4, and the factor of each matrix: that with which its largest
    scale is the largest of E4M3, unless they are given."""
    if factors is None:
        factors = np.float32(np.abs(data).max((-2, -1)) / (6 * 448))
    factors = np.broadcast_to(np.float32(factors), data.shape[:-2])
    groups = (data / factors[..., None, None]).reshape(*data.shape[:-1], -1, 4, 16)
    scales = gguf.quants.NVFP4.fp32_to_ue4m3(np.abs(groups).max(-1) / 6)
    sizes = 2 * gguf.quants.NVFP4.ue4m3_to_fp32(scales)[..., None]
    sizes = groups / np.where(sizes > 0, sizes, np.inf)
    codes = np.abs(np.abs(sizes)[..., None] - E2M1).argmin(-1) | (sizes < 0) << 3
    pairs = (codes[..., :8] | codes[..., 8:] << 4).reshape(*scales.shape[:-1], 32)
    blocks = np.concatenate([scales, pairs.astype(np.uint8)], -1)
    return blocks.reshape(*data.shape[:-1], -1), factors


def held_by_nvfp4(data, factors=None):
    """The numbers that these blocks and factors stand for."""
    blocks, factors = nvfp4(data, factors)
    return gguf.dequantize(blocks, BLOCKS.NVFP4) * factors[..., None, None]


def add_nvfp4(out, name, data, factors):
    """Adds the blocks, and beside them the factors and factors of activations, unless they are all 1."""
    blocks, factors = nvfp4(data, factors)
    out.add_tensor(name, blocks, raw_dtype=BLOCKS.NVFP4)
    if (factors != 1).any():
        out.add_tensor(name.replace(".weight", ".scale"), factors.reshape(-1))
        out.add_tensor(name.replace(".weight", ".input_scale"), np.full(factors.size, 7, np.float32))


def write(folder, architecture, metadata, blocks=BLOCKS.Q8_0, reorder=lambda name, tensor: tensor, factors=None):
    """folder/model.gguf of the folder's one file of weights: matrices in `blocks`, or in what that
    says of a name, vectors and biases in F32. `factors` are those of NVFP4, as nvfp4() has them.
    `metadata`: what stands under "ARCHITECTURE.", or begins with "tokenizer."; `reorder` gives a tensor's rows their order."""
    number = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}[architecture]
    names = gguf.get_tensor_name_map(number, metadata["block_count"])
    out = gguf.GGUFWriter(folder / "model.gguf", architecture)
    out.add_name("tiny")
    for key, value in metadata.items():
        kind = next(kind for kind in (bool, float, int, str) if isinstance(value, kind))
        add = {bool: out.add_bool, float: out.add_float32, int: out.add_uint32,
               str: out.add_string}[kind]
        add(key if key.startswith("tokenizer.") else f"{architecture}.{key}", value)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    tokens = ["a", "b", "ab", *(f"token{i}" for i in range(3, metadata["vocab_size"]))]
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    out.add_token_merges(["a b"])
    for name, tensor in safetensors.torch.load_file(folder / "model.safetensors").items():
        data = reorder(name, tensor.to(torch.float32)).contiguous().numpy()
        own = blocks(name) if callable(blocks) else blocks
        kind = own if data.ndim > 1 and not name.endswith(".bias") else BLOCKS.F32
        theirs = [names.get_name(spelled, (".weight", ".bias"))
                  for spelled in (name, name.removeprefix("transformer."))]
        if not any(theirs) and name == "lm_head.weight":
            theirs = ["output.weight"]
        if kind == BLOCKS.NVFP4:
            add_nvfp4(out, next(filter(None, theirs), name), data, factors)
            continue
        out.add_tensor(next(filter(None, theirs), name), gguf.quantize(data, kind), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
