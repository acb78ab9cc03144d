"""Random blocks of GGUF's quantized types, as tests fill weights with them."""

import numpy as np
from gguf import GGML_QUANT_SIZES
from gguf import GGMLQuantizationType as Type

# The places in a block of the half floats that scale it.
SCALES = {
    Type.Q4_0: (0,), Type.Q4_1: (0, 2), Type.Q5_0: (0,), Type.Q5_1: (0, 2), Type.Q8_0: (0,),
    Type.Q2_K: (80, 82), Type.Q3_K: (108,), Type.Q4_K: (0, 2), Type.Q5_K: (0, 2),
    Type.Q6_K: (208,), Type.IQ4_NL: (0,), Type.IQ4_XS: (0,), Type.TQ1_0: (52,), Type.TQ2_0: (64,),
    Type.MXFP4: (), Type.IQ1_S: (0,), Type.IQ1_M: (), Type.IQ2_XXS: (0,), Type.IQ2_XS: (0,),
    Type.IQ2_S: (0,), Type.IQ3_XXS: (0,), Type.IQ3_S: (0,), Type.NVFP4: (),
}


def random_blocks(kind, count, rng, largest=0x7C00):
    """Random codes; the scales are any half floats whose bits are below `largest`, of both signs,
    including subnormals and zeros."""
    blocks = rng.integers(0, 256, (count, GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
    edges = np.array([0, 0x8000, 1, 0x3FF, largest - 1], dtype=np.uint16)[:count]
    for at in SCALES[kind]:
        scales = rng.integers(0, largest, count, dtype=np.uint16)
        scales |= rng.integers(0, 2, count, dtype=np.uint16) << 15
        scales[:len(edges)] = edges
        blocks[:, at:at + 2] = scales.reshape(-1, 1).view(np.uint8)
    if kind == Type.IQ1_M:  # its half lies in four quarters; without this bit it is finite
        blocks[:, 55] &= 0xBF
    if kind == Type.NVFP4:  # each of the scales' codes
        blocks[:64, :4] = np.arange(256, dtype=np.uint8).reshape(64, 4)[:count]
    return blocks
