"""usage: rtn_exact.py QUANT_CONVERT PLUGIN: int4, int8, nf4 and fp8 against float64 and against the formula of
DeepSpeed's quantizer, E4M3 against PyTorch's, and what packing promises and refuses."""

import json
import subprocess
import sys

import numpy as np
import torch

DTYPES = ("float32", "bfloat16", "float16", "float64")
STEPS = {"int4": 15, "int8": 255}
REACH = {"int4": 7.5, "int8": 127}  # scales from 0 to the largest magnitude, if symmetric
SMALLEST = np.float32(1.4e-45)
NEAR_TIE = 1e-4  # float32's quotients are that near to those of float64
# The numbers of QLoRA's NormalFloat.
NF4 = np.array((-1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0,
                0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1), np.float32)


def convert(scheme, way, dtype, shape, data, options):
    command = [sys.argv[1], sys.argv[2], scheme, way, dtype, *map(str, shape), json.dumps(options)]
    return subprocess.run(command, input=data, capture_output=True)


class Packed:
    """The parts of a weight, with a code a byte."""

    def __init__(self, scheme, weight, **options):
        self.scheme, self.options, self.shape = scheme, options, tuple(weight.shape)
        self.symmetric = options.get("symmetric", scheme in ("fp8", "nf4"))
        self.group = self.shape[1] if scheme == "fp8" else options.get("group_size", 64)
        data = weight.contiguous().view(torch.uint8).numpy().tobytes()
        done = convert(scheme, "pack", str(weight.dtype).removeprefix("torch."), self.shape, data, options)
        self.error = done.stderr.decode().strip()
        if done.returncode != 0:
            return
        self.bytes = done.stdout
        rows, columns = self.shape
        groups = -(-columns // self.group)
        halves = scheme in ("int4", "nf4")
        wide = -(-columns // 2) if halves else columns
        numbers = 1 if self.symmetric else 2
        assert len(done.stdout) == rows * (wide + numbers * 4 * groups), (scheme, options, self.shape)
        codes = np.frombuffer(done.stdout, np.uint8, rows * wide).reshape(rows, wide)
        if halves:
            if columns % 2:
                assert not (codes[:, -1] >> 4).any(), "the half that is left over is not 0"
            codes = np.stack((codes & 15, codes >> 4), -1).reshape(rows, -1)[:, :columns]
        self.codes = codes
        rest = np.frombuffer(done.stdout, np.float32, offset=rows * wide).reshape(numbers, rows, groups)
        self.scales = rest[0]
        self.zeros = None if self.symmetric else rest[1]

    def unpacked(self, dtype="float32"):
        done = convert(self.scheme, "unpack", dtype, self.shape, self.bytes, self.options)
        assert done.returncode == 0, done.stderr
        out = torch.frombuffer(bytearray(done.stdout), dtype=getattr(torch, dtype))
        return out.reshape(self.shape)

    def numbers(self):
        """The weights that the parts stand for, in float32, rounded after each step."""
        scales = np.repeat(self.scales, self.group, 1)[:, :self.shape[1]]
        if self.scheme == "fp8":
            return torch.from_numpy(self.codes.copy()).view(torch.float8_e4m3fn).float().numpy() * scales
        if self.scheme == "nf4":
            return NF4[self.codes] * scales
        if self.symmetric:
            return (self.codes.astype(np.float32) - (8 if self.scheme == "int4" else 128)) * scales
        return self.codes.astype(np.float32) * scales + np.repeat(self.zeros, self.group, 1)[:, :self.shape[1]]


def weights(shape, dtype, seed):
    """Random weights whose rows have many magnitudes; some are constant, or have ties."""
    rng = torch.Generator().manual_seed(seed)
    out = torch.randn(shape, generator=rng, dtype=torch.float32)
    out *= 10.0 ** torch.randint(-3, 3, (shape[0], 1), generator=rng)
    for row, change in enumerate((lambda x: x * 0, lambda x: x * 0 - 0.1, torch.round, torch.abs, lambda x: x * 1e-38,
                                  lambda x: x * 1e-44, lambda x: x * 1e36)):
        if row < shape[0] - 1:
            out[row] = change(out[row])
    out = out.to(getattr(torch, dtype))
    return torch.where(out.isfinite(), out, torch.ones_like(out))


def float64_reference(weight, scheme, group, symmetric):
    """Scales and zeros in float32, and the codes before they are rounded, in float64."""
    x = weight.float().double().numpy()  # the host rounds float64 first
    rows, columns = x.shape
    scales, zeros, codes = [], [], np.empty_like(x)
    for at in range(0, columns, group):
        part = x[:, at:at + group]
        low, high = part.min(1), part.max(1)
        most = np.maximum(-low, high)
        extent = {"fp8": most / 448, "nf4": most, **{k: most / REACH[k] if symmetric else (high - low) / STEPS[k] for k in STEPS}}
        scale = np.maximum(extent[scheme].astype(np.float32), SMALLEST)
        equal = {"fp8": most, "nf4": most, **{k: low if symmetric else np.zeros_like(low) for k in STEPS}}[scheme]
        scale = np.where(low == high, equal.astype(np.float32), scale)
        zero = np.zeros_like(low) if symmetric else low
        divisor = np.where(scale == 0, 1, scale).astype(np.float64)
        codes[:, at:at + group] = (part - zero[:, None]) / divisor[:, None]
        scales.append(scale)
        zeros.append(zero)
    return np.stack(scales, 1), np.stack(zeros, 1), codes


def check_reference(scheme, shape, dtype, seed, **options):
    weight = weights(shape, dtype, seed)
    packed = Packed(scheme, weight, **options)
    assert not packed.error, packed.error
    scales, zeros, codes = float64_reference(weight, scheme, packed.group, packed.symmetric)
    about = (scheme, shape, dtype, options)
    assert np.array_equal(packed.scales, scales), about
    if not packed.symmetric:
        assert np.array_equal(packed.zeros, zeros.astype(np.float32)), about
    if scheme == "fp8":
        expected = torch.from_numpy(np.clip(codes, -448, 448)).float().to(torch.float8_e4m3fn)
        assert np.array_equal(packed.codes, expected.view(torch.uint8).numpy()), about
    elif scheme == "nf4":
        middles = (NF4[1:].astype(np.float64) + NF4[:-1]) / 2
        differ = packed.codes != np.searchsorted(middles, codes)
        ties = (np.abs(codes[..., None] - middles) < NEAR_TIE).any(-1)
        assert not (differ & ~ties).any(), (about, np.argwhere(differ & ~ties)[:4])
    else:
        middle = (STEPS[scheme] + 1) // 2 if packed.symmetric else 0
        codes = np.clip(codes, -middle, STEPS[scheme] - middle)
        differ = packed.codes != np.round(codes) + middle
        ties = np.abs(np.abs(codes - np.floor(codes)) - 0.5) < NEAR_TIE
        assert not (differ & ~ties).any(), (about, np.argwhere(differ & ~ties)[:4])
    to = DTYPES[seed % 4]
    expected = torch.from_numpy(packed.numbers()).to(getattr(torch, to))
    assert torch.equal(packed.unpacked(to), expected), (about, to)
    return packed


def float64_references():
    shapes = ((9, 200), (8, 64), (3, 33), (1, 1), (2, 300))
    for scheme in ("int4", "int8"):
        for symmetric in (False, True):
            for group in (32, 40, 64, 256):
                for seed, shape in enumerate(shapes):
                    check_reference(scheme, shape, DTYPES[(seed + group) % 4], seed, group_size=group,
                                    symmetric=symmetric)
        default = check_reference(scheme, (4, 128), "float32", 1)
        explicit = Packed(scheme, weights((4, 128), "float32", 1), group_size=64, symmetric=False)
        assert default.bytes == explicit.bytes
    for dtype in DTYPES:
        for seed, shape in enumerate((*shapes, (9, 700))):
            check_reference("fp8", shape, dtype, seed)
            check_reference("nf4", shape, dtype, seed, group_size=(64, 32, 256)[seed % 3])
    print("codes, scales and minima are those of float64")


def deepspeeds_formula():
    """deepspeed.inference.quantization computes in the tensor's dtype: q_range / (max - min), then
    (x - min) * scale, clamped and rounded; a weight is q / scale + min."""
    x = torch.randn((64, 512), generator=torch.Generator().manual_seed(3))
    for scheme, steps in STEPS.items():
        packed = Packed(scheme, x)
        groups = x.view(64, -1, 64)
        low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
        scale = steps / (high - low)
        exact = (groups - low) * scale
        codes = exact.round().clamp(0, steps)
        differ = packed.codes.reshape(64, -1, 64) != codes.numpy()
        ties = ((exact - exact.floor()) - 0.5).abs().numpy() < NEAR_TIE
        assert not (differ & ~ties).any(), scheme
        theirs = (codes / scale + low).view_as(x)
        mine = packed.unpacked()
        one_step = (high - low).expand_as(groups).reshape(x.shape) / steps
        same = torch.from_numpy(~differ.reshape(x.shape))
        assert torch.allclose(mine[same], theirs[same], rtol=1e-6, atol=1e-6), scheme
        assert ((mine - theirs).abs() <= one_step * 1.001).all(), scheme
    print("DeepSpeed's formula gives the same codes and weights")


def relative_errors():
    """Root mean squares of the errors of normal weights, relative to the weights'."""
    x = torch.randn((1024, 4096), generator=torch.Generator().manual_seed(11))
    rows = (("int4", dict(group_size=32), 0.0782), ("int4", dict(group_size=64), 0.0896),
            ("int4", dict(group_size=128), 0.0997), ("int4", dict(group_size=256), 0.1089),
            ("int4", dict(symmetric=True), 0.1028), ("int8", dict(), 0.00527), ("int8", dict(symmetric=True), 0.00593),
            ("nf4", dict(group_size=32), 0.0873), ("nf4", dict(), 0.0919), ("nf4", dict(group_size=128), 0.0956),
            ("fp8", dict(), 0.0265))
    for scheme, options, expected in rows:
        error = (Packed(scheme, x, **options).unpacked() - x).double()
        found = (error.norm() / x.double().norm()).item()
        print(f"{scheme} {options}: {found:.5f}")
        assert abs(found / expected - 1) < 0.01, (scheme, options, found, expected)


def constants():
    """Groups of equal values are exact, beside others that are not equal."""
    rng = torch.Generator().manual_seed(5)
    values = torch.randn(60, generator=rng) * 10.0 ** torch.randint(-30, 30, (60,), generator=rng)
    values = torch.cat((values, torch.tensor([0.0, 1e-45, -3e-45, 1e-40, 8e37, -8e37, 0.1, 1.0])))
    for dtype in DTYPES:
        each = values.to(getattr(torch, dtype))
        each = each[each.isfinite()]
        for scheme, options in (("int4", {}), ("int8", {}), ("int4", {"symmetric": True}),
                                ("int8", {"symmetric": True}), ("nf4", {}), ("fp8", {})):
            weight = each[:, None].repeat(1, 150)
            if scheme != "fp8":
                weight[:, 64:128] = torch.arange(64)
            made = Packed(scheme, weight, **options).unpacked(dtype)
            equal = weight.clone()
            equal[:, 64:128] = made[:, 64:128] if scheme != "fp8" else equal[:, 64:128]
            assert torch.equal(made, equal), (scheme, options, dtype)
            assert made.isfinite().all()
    print("equal values are exact")


def e4m3():
    """With a scale of 1 the codes are PyTorch's, of each half of bfloat16's numbers and those around them."""
    bits = torch.arange(1 << 16, dtype=torch.int32) << 16
    all_bits = torch.cat([bits, bits | 1, bits | 0x8000, bits | 0xffff])
    x = all_bits.view(torch.float32)
    x = x[x.abs() <= 448]
    x = torch.cat((x, torch.tensor([448.0])))[None, :]
    packed = Packed("fp8", x)
    assert packed.scales[0, 0] == 1
    expected = x.to(torch.float8_e4m3fn).view(torch.uint8).numpy()
    assert np.array_equal(packed.codes, expected), np.argwhere(packed.codes != expected)[:4]
    print(f"{x.shape[1]} codes of E4M3 are PyTorch's")


def ranges_of_rows():
    weight = weights((12, 136), "bfloat16", 2)
    for scheme, options in (("int4", {"group_size": 32}), ("int8", {"symmetric": True}), ("nf4", {}), ("fp8", {})):
        whole = Packed(scheme, weight, **options)
        for first, last in ((0, 5), (5, 6), (6, 12)):
            part = Packed(scheme, weight[first:last], **options)
            assert np.array_equal(part.codes, whole.codes[first:last])
            assert np.array_equal(part.scales, whole.scales[first:last])
            assert whole.symmetric or np.array_equal(part.zeros, whole.zeros[first:last])
    print("rows are packed alike beside others and alone")


def refusals():
    nan, infinity = "1 values are NaN and 0 are infinite", "0 values are NaN and 1 are infinite"
    for scheme in ("int4", "int8", "nf4", "fp8"):
        for bad, dtype, at, words in ((float("nan"), "float32", 0, nan), (float("nan"), "bfloat16", 99, nan),
                                      (float("inf"), "float16", 63, infinity), (-float("inf"), "float32", 64, infinity),
                                      (1e38, "float32", 98, infinity), (-float("nan"), "float64", 40, nan)):
            weight = torch.ones((3, 100), dtype=getattr(torch, dtype))
            weight[1, at] = bad
            error = Packed(scheme, weight).error
            assert words in error and f"row 1, column {at}:" in error and "\n" not in error, error
    error = Packed("int4", torch.full((1, 2), 1e300, dtype=torch.float64)).error
    assert "2 are infinite" in error, error
    for scheme, options, words in (
            ("int4", {"group_size": 16}, "group_size 16"), ("int8", {"group_size": 512}, "group_size 512"),
            ("int8", {"group_size": 36}, "multiple of 8"), ("int4", {"group_size": "64"}, "group_size"),
            ("int4", {"group_size": 1.5}, "group_size"), ("int4", {"symmetric": 2}, "symmetric 2"),
            ("int4", {"symmetric": "on"}, "symmetric"), ("int4", {"symmetric": None, "bits": 4}, "'bits'"),
            ("int8", {"a": {"group_size": 1}, "group_size": 32}, "'a'"), ("int8", {'x"y': 1}, "is unknown"),
            ("fp8", {"group_size": 64}, "one scale for each row"), ("fp8", {"symmetric": False}, "symmetric"),
            ("nf4", {"symmetric": False}, "symmetric")):
        error = Packed(scheme, torch.ones(2, 64), **options).error
        assert words in error and error.count("\n") == 0, (scheme, options, error)
    assert not Packed("fp8", torch.ones(2, 64), symmetric=True).error
    assert not Packed("int4", torch.ones(2, 64), group_size=256).error
    print("what cannot be packed is refused")


for test in (float64_references, deepspeeds_formula, relative_errors, constants, e4m3, ranges_of_rows, refusals):
    test()
