"""usage: gguf_exact.py QUANT_CONVERT PLUGIN: the codec against the gguf package, bit by bit."""

import subprocess
import sys

import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

ROWS, COLUMNS = 61, 160
SCALE_BYTES = {Type.Q4_0: 1, Type.Q4_1: 2, Type.Q8_0: 1}
BLOCK_BYTES = {Type.Q4_0: 18, Type.Q4_1: 20, Type.Q8_0: 34}


def convert(kind, way, dtype, data):
    command = [sys.argv[1], sys.argv[2], kind.name, way, dtype, str(ROWS), str(COLUMNS)]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def random_blocks(kind, rng):
    """Any codes; scales of any finite half, subnormal and negative ones and zeros among them."""
    blocks = rng.integers(0, 256, (ROWS * COLUMNS // 32, BLOCK_BYTES[kind]), dtype=np.uint8)
    scales = rng.integers(0, 0x7C00, (len(blocks), SCALE_BYTES[kind]), dtype=np.uint16)
    scales |= rng.integers(0, 2, scales.shape, dtype=np.uint16) << 15
    scales[:4] = [[0], [0x8000], [1], [0x3FF]]
    blocks[:, : 2 * scales.shape[1]] = scales.view(np.uint8)
    return blocks.reshape(ROWS, -1)


def check(name, mine, reference):
    if mine != reference:
        a, b = np.frombuffer(mine, np.uint8), np.frombuffer(reference, np.uint8)
        sys.exit(f"{name}: {len(a)} bytes, {len(b)} expected, {np.sum(a[:len(b)] != b[:len(a)])} differ")
    print(f"{name}: {len(mine)} bytes equal")


def unpacked(kind, rng):
    blocks = random_blocks(kind, rng)
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
    for kind in BLOCK_BYTES:
        for seed in range(3):
            unpacked(kind, np.random.default_rng(seed))
            packed(kind, np.random.default_rng(seed + 100))


main()
