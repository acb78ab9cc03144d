"""Flips one bit of one stored weight of a Hugging Face folder."""

import json
import pathlib
import struct

EXPONENT = {"F32": (4, 23, 30), "BF16": (2, 7, 14)}  # bytes, lowest and highest bit of the exponent


def flip(folder, name, row, highest):
    """Flips the lowest or the highest bit of the exponent in the middle of that row of tensor `name`."""
    for file in pathlib.Path(folder).glob("*.safetensors"):
        data = bytearray(file.read_bytes())
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + length])
        if name not in header:
            continue
        size, low, high = EXPONENT[header[name]["dtype"]]
        columns = header[name]["shape"][-1]
        at = 8 + length + header[name]["data_offsets"][0] + (row * columns + columns // 2) * size
        bit = high if highest else low
        data[at + bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        return
    raise KeyError(name)
