"""Reads the layout of compressed-tensors, as its documentation and files describe it, with NumPy and PyTorch."""

import json
import pathlib
import shutil

import safetensors.torch
import torch


def tensors(folder):
    out = {}
    for file in sorted(pathlib.Path(folder).glob("*.safetensors")):
        out |= safetensors.torch.load_file(file)
    return out


def unpacked(words, bits, count):
    """[rows, words] of int32 -> [rows, count], the codes of 0 and more from the least bits up."""
    shifts = torch.arange(0, 32, bits)
    return (words[:, :, None] >> shifts & (1 << bits) - 1).flatten(1)[:, :count]


def dequantized(held, name, bits):
    """The matrix NAME from the tensors of a file, in the scales' dtype."""
    scale = held[name + "_scale"]
    if name in held:
        return held[name].to(scale.dtype) * scale
    rows, columns = held[name + "_shape"].tolist()
    codes = unpacked(held[name + "_packed"], bits, columns) - (1 << bits - 1)
    groups = scale.shape[1]
    codes = codes.reshape(rows, groups, columns // groups)
    if name + "_zero_point" in held:
        zeros = unpacked(held[name + "_zero_point"].T, bits, rows).T - (1 << bits - 1)
        codes = codes - zeros[:, :, None]
    return (codes.to(scale.dtype) * scale[:, :, None]).reshape(rows, columns)


def write_twin(folder, dense, out, bits):
    """Writes OUT: the model of the folder DENSE with the weights of the quantized FOLDER. Returns their names."""
    shutil.copytree(dense, out)
    ours, twin = tensors(folder), tensors(dense)
    names = [name.removesuffix("_scale") for name in ours if name.endswith(".weight_scale")]
    for name in names:
        twin[name] = dequantized(ours, name, bits).contiguous()
    safetensors.torch.save_file(twin, out / "model.safetensors", metadata={"format": "pt"})
    return names


def configuration(folder):
    return json.loads((pathlib.Path(folder) / "config.json").read_text())
