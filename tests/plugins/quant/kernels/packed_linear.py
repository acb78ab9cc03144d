"""usage: packed_linear.py QUANT_PRODUCT: products with packed weights against float64 products with what the
gguf package unpacks."""

import os
import subprocess
import sys

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from gguf_blocks import SCALES, random_blocks  # noqa: E402

KINDS = (Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K,
         Type.Q6_K)
TOKENS = (1, 2, 7, 33, 49)
# Rows and columns: of one tile, of less than one, of more than a panel and a tile of columns.
SHAPES = ((1, 256), (5, 768), (67, 1280))
NARROW_SHAPES = ((3, 32), (37, 32 * 21))  # for blocks of 32


class Program:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.rounds = self.process.stdout.readline() == b"fast\n"

    def product(self, kind, weight, x, threads=1, y_dtype="float32", products="exact"):
        """`weight` has rows of bytes; x is a tensor [tokens, columns]."""
        tokens, columns = x.shape
        name = str(x.dtype).removeprefix("torch.")
        line = f"{kind.name} {len(weight)} {columns} {tokens} {threads} {name} {y_dtype} {products}\n"
        self.process.stdin.write(line.encode() + weight.tobytes() + x.contiguous().view(torch.uint8).numpy().tobytes())
        self.process.stdin.flush()
        dtype = getattr(torch, y_dtype)
        count = tokens * len(weight) * dtype.itemsize
        out = self.process.stdout.read(count)
        if len(out) != count:
            sys.exit(f"{line.strip()}: {len(out)} bytes of {count}, exit status {self.process.wait()}")
        return torch.frombuffer(bytearray(out), dtype=dtype).reshape(tokens, len(weight))

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


def weights(kind, rows, columns, rng, largest=0x7C00):
    elements, _ = GGML_QUANT_SIZES[kind]
    packed = random_blocks(kind, rows * columns // elements, rng, largest).reshape(rows, -1)
    return packed, dequantize(packed, kind).astype(np.float64)


def level_weights(kind, rows, columns, rng):
    """Scales that differ by less than a factor of 4, so that no block hides another."""
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = random_blocks(kind, rows * columns // elements, rng)
    for at in SCALES[kind]:
        scales = rng.integers(0x3800, 0x4000, len(blocks), dtype=np.uint16)
        scales |= rng.integers(0, 2, len(blocks), dtype=np.uint16) << 15
        blocks[:, at:at + 2] = scales.reshape(-1, 1).view(np.uint8)
    packed = blocks.reshape(rows, columns // elements * size)
    return packed, dequantize(packed, kind).astype(np.float64)


def rounded(x):
    """The numbers that activations of 8 bits stand for: a scale for each 32 of them, to nearest, ties to even."""
    groups = x.numpy().reshape(-1, 32)
    most = np.abs(groups).max(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        codes = groups * (np.float32(127) / most)
    codes = np.where(most > 0, np.rint(codes), 0)
    return (codes.astype(np.float64) * (most / np.float32(127))).reshape(x.shape)


def near(name, mine, x, dense, bound):
    """Each sum within `bound` of the sum of the absolute products."""
    expected, size = x @ dense.T, np.abs(x) @ np.abs(dense).T
    error = np.abs(mine.double().numpy() - expected)
    if not (error <= bound * size).all():  # NaN is not near
        sys.exit(f"{name}: {np.nanmax(error / size):.3g} of the absolute products, {bound:.3g} allowed")


def same(name, mine, theirs):
    if not torch.equal(mine.view(torch.uint8), theirs.view(torch.uint8)):
        sys.exit(f"{name}: other bits")


def check_sums(program, kind, rows, columns, rng, make=level_weights):
    packed, dense = make(kind, rows, columns, rng)
    x = torch.from_numpy(rng.standard_normal((max(TOKENS), columns), dtype=np.float32))
    for products in ("exact", "fast"):
        rounds = products == "fast" and program.rounds
        name = f"{kind.name} {rows}x{columns} {products}"
        all_tokens = program.product(kind, packed, x, products=products)
        near(name, all_tokens, rounded(x) if rounds else x.double().numpy(), dense, 2e-6)
        for tokens in TOKENS:
            for threads in (1, 3):
                some = program.product(kind, packed, x[:tokens], threads, products=products)
                same(f"{name}, {tokens} tokens, {threads} threads", some, all_tokens[:tokens])
        same(f"{name}, a later token", program.product(kind, packed, x[6:7], products=products), all_tokens[6:7])
        # bfloat16 is widened on the way in and rounded once on the way out.
        narrow = x[:7].bfloat16()
        wide = program.product(kind, packed, narrow.float(), products=products)
        same(f"{name}, from bfloat16", program.product(kind, packed, narrow, products=products), wide)
        out = program.product(kind, packed, narrow, y_dtype="bfloat16", products=products)
        same(f"{name}, to bfloat16", out, wide.bfloat16())


def check_older_processors(path):
    """Vectors of other lengths, as far as this processor has them."""
    for target in ("avx2", "plain"):
        if subprocess.run([path, target], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 3:
            print(f"{target}: not on this processor")
            continue
        program = Program(path, target)
        for kind in KINDS:
            rng = np.random.default_rng(int(kind))
            packed, dense = level_weights(kind, 9, 768, rng)
            x = torch.from_numpy(rng.standard_normal((8, 768), dtype=np.float32))
            for products in ("exact", "fast"):
                name, rounds = f"{kind.name} {target} {products}", products == "fast" and program.rounds
                y = program.product(kind, packed, x, products=products)
                near(name, y, rounded(x) if rounds else x.double().numpy(), dense, 4e-6)
                for tokens in (1, 2, 3):
                    some = program.product(kind, packed, x[:tokens], products=products)
                    same(f"{name}, {tokens} tokens", some, y[:tokens])
        program.end()
        print(f"{target}: products are those of the gguf package's weights")


def check_accuracy(program, kind, rng):
    """Activations of 8 bits cost less than 1 percent."""
    packed, dense = weights(kind, 64, 1024, rng, largest=0x2C00)
    x = torch.from_numpy(rng.standard_normal((4, 1024), dtype=np.float32))
    mine, expected = program.product(kind, packed, x, products="fast").double().numpy(), x.double().numpy() @ dense.T
    error = np.sqrt(np.mean((mine - expected) ** 2, axis=0) / np.mean(expected ** 2, axis=0))
    print(f"{kind.name}: relative error of fast products {np.median(error):.2g}")
    if not np.median(error) < 0.01:
        sys.exit(f"{kind.name}: {np.median(error)}")


def check_hostile(program, kind, rng):
    """Scales that are not finite reach their own row alone, and x that is not finite its token alone."""
    for bits in (0x7C00, 0xFC00, 0x7E00, 0xFFFF):
        packed, dense = weights(kind, 6, 768, rng, largest=0x3C00)
        blocks = packed.reshape(6, -1, GGML_QUANT_SIZES[kind][1])
        for at in SCALES[kind]:
            blocks[2, -1, at:at + 2] = np.frombuffer(np.uint16(bits).tobytes(), np.uint8)
        x = torch.from_numpy(rng.standard_normal((3, 768), dtype=np.float32))
        for products in ("exact", "fast"):
            y = program.product(kind, packed, x, products=products)
            finite = torch.isfinite(y).all(dim=0).tolist()
            assert finite == [True, True, False, True, True, True], (kind, bits, products, finite)
    packed, _ = weights(kind, 6, 768, rng, largest=0x3C00)
    for value in (float("nan"), float("inf")):
        x = torch.from_numpy(rng.standard_normal((3, 768), dtype=np.float32))
        x[1, 700] = value
        for products in ("exact", "fast"):
            y = program.product(kind, packed, x, products=products)
            finite = torch.isfinite(y).all(dim=1).tolist()
            assert finite[0] and not finite[1] and finite[2], (kind, value, products, finite)
    # Any bytes are weights: nothing may crash.
    noise = rng.integers(0, 256, packed.shape, dtype=np.uint8)
    for products in ("exact", "fast"):
        program.product(kind, noise, x, products=products)


def check_dense(path):
    """Elements of 16 bits are widened, also subnormal ones, and fast products are the exact ones."""
    for target in ((), ("avx2",), ("plain",)):
        if subprocess.run([path, *target], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 3:
            continue
        program = Program(path, *target)
        for kind, dtype in ((Type.BF16, torch.bfloat16), (Type.F16, torch.float16)):
            rng = np.random.default_rng(int(kind))
            for rows, columns in ((1, 32), (5, 768), (67, 1280)):
                w = torch.from_numpy(rng.standard_normal((rows, columns), dtype=np.float32)).to(dtype)
                w[0, :4] = torch.tensor([0.0, -0.0, 3e-8, -2e-5]).to(dtype)
                x = torch.from_numpy(rng.standard_normal((max(TOKENS), columns), dtype=np.float32))
                bytes_of_rows = w.view(torch.uint8).numpy()
                name = f"{kind.name} {rows}x{columns} {target}"
                all_tokens = program.product(kind, bytes_of_rows, x)
                near(name, all_tokens, x.double().numpy(), w.double().numpy(), 2e-6)
                for tokens in TOKENS:
                    for threads, products in ((1, "exact"), (3, "fast")):
                        some = program.product(kind, bytes_of_rows, x[:tokens], threads, products=products)
                        same(f"{name}, {tokens} tokens, {products}", some, all_tokens[:tokens])
            w[1 % rows, 3], x[2, 5] = float("inf"), float("nan")
            y = program.product(kind, w.view(torch.uint8).numpy(), x)
            assert not torch.isfinite(y[:, 1]).any() and not torch.isfinite(y[2]).any(), name
            assert torch.isfinite(y[3:, 2:]).all(), name
        program.end()


def check_shapes(path):
    """Rows are whole blocks."""
    for kind, columns in ((Type.Q4_0, 33), (Type.Q4_0, 0), (Type.Q4_0, -32), (Type.Q4_K, 128), (Type.Q6_K, 257)):
        line = f"{kind.name} 1 {columns} 1 1 float32 float32 exact\n"
        assert subprocess.run([path], input=line.encode(), stdout=subprocess.DEVNULL).returncode == 1, line


def main():
    check_shapes(sys.argv[1])
    check_dense(sys.argv[1])
    check_older_processors(sys.argv[1])
    program = Program(sys.argv[1])
    for kind in KINDS:
        rng = np.random.default_rng(int(kind))
        narrow = NARROW_SHAPES if GGML_QUANT_SIZES[kind][0] == 32 else ()
        for rows, columns in SHAPES + narrow:
            check_sums(program, kind, rows, columns, rng)
        check_sums(program, kind, 5, 512, rng, weights)
        check_accuracy(program, kind, rng)
        check_hostile(program, kind, rng)
        print(f"{kind.name}: products are those of the gguf package's weights")
    program.end()


main()
