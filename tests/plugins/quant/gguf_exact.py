"""usage: gguf_exact.py QUANT_CONVERT PLUGIN: the codec against the gguf package, bit by bit."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

from gguf_blocks import SCALES, random_blocks

ROWS, COLUMNS = 31, 768
PACKED = (Type.Q4_0, Type.Q4_1, Type.Q8_0)


def convert(kind, way, dtype, data):
    command = [sys.argv[1], sys.argv[2], kind.name, way, dtype, str(ROWS), str(COLUMNS)]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def check(name, mine, reference):
    if mine != reference:
        a, b = np.frombuffer(mine, np.uint8), np.frombuffer(reference, np.uint8)
        sys.exit(f"{name}: {len(a)} bytes, {len(b)} expected, {np.sum(a[:len(b)] != b[:len(a)])} differ")
    print(f"{name}: {len(mine)} bytes equal")


def unpacked(kind, rng):
    elements, _ = GGML_QUANT_SIZES[kind]
    blocks = random_blocks(kind, ROWS * COLUMNS // elements, rng).reshape(ROWS, -1)
    with np.errstate(over="ignore"):
        reference = torch.from_numpy(dequantize(blocks, kind))
    for dtype in ("float32", "float64", "float16", "bfloat16"):
        expected = reference.to(getattr(torch, dtype)).contiguous().view(torch.uint8).numpy()
        check(f"{kind.name} to {dtype}", convert(kind, "unpack", dtype, blocks.tobytes()),
              expected.tobytes())


def packed(kind, rng):
    dense = rng.standard_normal((ROWS, COLUMNS), dtype=np.float32)
    dense[0] = 0
    dense[1] *= np.float32(1e-3)
    dense[2] = np.abs(dense[2])
    dense[3] = np.round(dense[3])  # ties
    dense[4] *= np.float32(1e3)
    check(f"{kind.name} from float32", convert(kind, "pack", "float32", dense.tobytes()),
          quantize(dense, kind).tobytes())


def main():
    manifest = json.loads(pathlib.Path(sys.argv[2]).with_suffix(".json").read_text())
    assert {kind.name for kind in SCALES} == set(manifest["keys"]), manifest["keys"]
    for kind in SCALES:
        for seed in range(2):
            unpacked(kind, np.random.default_rng(seed))
    for kind in PACKED:
        for seed in range(3):
            packed(kind, np.random.default_rng(seed + 100))


main()
