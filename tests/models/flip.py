"""Flips one bit of one stored weight of a model's folder."""

import json
import math
import pathlib
import struct

import gguf

EXPONENT = {"F32": (4, 23, 30), "BF16": (2, 7, 14), "F16": (2, 10, 14)}  # bytes, lowest, highest bit


def flip(folder, name, highest, rows):
    """Flips the lowest or the highest bit of the exponent in the middle of a row of tensor `name`:
    the one that `rows` has for so many rows, else the middle one. In blocks of GGUF: of a scale."""
    folder = pathlib.Path(folder)
    if (folder / "model.gguf").exists():
        return flip_scale(folder / "model.gguf", name, highest, rows)
    for file in folder.glob("*.safetensors"):
        data = file.read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + length])
        if name not in header:
            continue
        size, low, high = EXPONENT[header[name]["dtype"]]
        *lead, columns = header[name]["shape"]
        row = row_of(math.prod(lead), rows)
        at = 8 + length + header[name]["data_offsets"][0] + (row * columns + columns // 2) * size
        return write(file, at, high if highest else low)
    raise KeyError(name)


def flip_scale(file, name, highest, rows):
    """Flips the scale of a row's first block, which begins with a half float."""
    (tensor,) = (one for one in gguf.GGUFReader(file).tensors if one.name == name)
    columns, *lead = (int(n) for n in tensor.shape)
    count = math.prod(lead)
    elements, size = gguf.GGML_QUANT_SIZES[tensor.tensor_type]
    at = tensor.data_offset + row_of(count, rows) * columns // elements * size
    _, low, high = EXPONENT["F16"]
    write(file, int(at), high if highest else low)


def row_of(count, rows):
    return rows.get(count, count // 2)


def write(file, at, bit):
    data = bytearray(file.read_bytes())
    data[at + bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)
