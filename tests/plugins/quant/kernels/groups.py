"""usage: groups.py QUANT_GROUPS: weights in groups, unpacked and multiplied, against numpy's float32 and
float64."""

import statistics
import subprocess
import sys

import numpy as np
import torch

TOKENS = (1, 2, 3, 7, 33, 64)
CODES = ("int4", "int8", "nf4", "e2m1", "e4m3")
DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
FORMS = [(code, zero, scale) for code in CODES for zero in ("none", "code", "number") for scale in DTYPES
         if zero == "none" or code.startswith("int")]
# Rows, columns and elements of a group: of one row and less than a vector, of multiples of nothing, of whole
# chunks, of several tiles of columns, of one group a row and of one that is longer than the row.
SHAPES = ((1, 1, 2), (3, 7, 6), (5, 31, 32), (37, 333, 50), (6, 768, 64), (33, 1301, 128), (9, 1100, 1100),
          (4, 600, 4096), (5, 130, 16), (3, 97, 34))


def normal_floats():
    """NF4 as its authors derive it: quantiles of the normal distribution, of which one is 0, scaled to [-1, 1].
    They printed what a machine with float32 arithmetic gave."""
    normal = statistics.NormalDist()
    # This leaves out as much of either tail as half a quantile of 15 and of 16 equal ones has, on average.
    least = 0.5 * (1 / 32 + 1 / 30)
    positive = [normal.inv_cdf(1 - p) for p in np.linspace(least, 0.5, 9)[:-1]]
    negative = [-normal.inv_cdf(1 - p) for p in np.linspace(least, 0.5, 8)[:-1]]
    return np.array(sorted(negative + [0.0] + positive)) / max(positive)


def small_floats():
    """E2M1 from its definition: a sign, two bits of exponent with a bias of 1, one of mantissa."""
    out = []
    for code in range(16):
        exponent, mantissa = code >> 1 & 3, code & 1
        size = mantissa / 2 if exponent == 0 else (1 + mantissa / 2) * 2.0 ** (exponent - 1)
        out.append(-size if code & 8 else size)
    return np.array(out, np.float32)


def numbers(code):
    if code == "e2m1":
        return small_floats()
    if code == "e4m3":
        return torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float().numpy()
    return None


class Weight:
    def __init__(self, form, shape, rng, nf4, make_scales=None):
        self.code, self.zero, self.scale = form
        self.rows, self.columns, self.group = shape
        self.groups = -(-self.columns // self.group)
        self.text = f"groups {self.code} {self.group} {self.zero} {self.scale}"
        dtype = DTYPES[self.scale]
        self.wide = self.code in ("int8", "e4m3")
        self.codes = rng.integers(0, 256 if self.wide else 16, (self.rows, self.columns), dtype=np.uint8)
        if self.code == "e4m3":
            self.codes[self.codes & 127 == 127] = 126
        scales = rng.uniform(0.25, 1, (self.rows, self.groups)) * rng.choice([-1, 1], (self.rows, self.groups))
        self.scales = torch.from_numpy(scales).to(dtype)
        self.zeros = None
        if self.zero == "code":
            self.zeros = torch.from_numpy(rng.integers(0, 256 if self.wide else 17, scales.shape, dtype=np.uint8))
        elif self.zero == "number":
            self.zeros = torch.from_numpy(rng.uniform(-8, 8, scales.shape)).to(dtype)
        self.nf4 = nf4
        self.padding = rng.integers(0, 16, self.rows, dtype=np.uint8)  # the half of a byte that odd rows leave

    def parts(self):
        codes = self.codes
        if not self.wide:
            if self.columns % 2:
                codes = np.concatenate((codes, self.padding.reshape(-1, 1)), axis=1)
            codes = codes[:, 0::2] | codes[:, 1::2] << 4
        parts = codes.tobytes() + self.scales.contiguous().view(torch.uint8).numpy().tobytes()
        return parts if self.zeros is None else parts + self.zeros.contiguous().view(torch.uint8).numpy().tobytes()

    def dense(self):
        """float32 arithmetic, rounded after each step."""
        def each(of):
            return of.float().numpy().repeat(self.group, axis=1)[:, :self.columns]
        scales = each(self.scales)
        with np.errstate(all="ignore"):
            if self.code == "nf4":
                return self.nf4[self.codes] * scales
            if not self.code.startswith("int"):
                return numbers(self.code)[self.codes] * scales
            codes = self.codes.astype(np.float32)
            if self.zero == "number":
                return codes * scales + each(self.zeros)
            middle = 8 if self.code == "int4" else 128
            return (codes - (each(self.zeros) if self.zero == "code" else np.float32(middle))) * scales


class Program:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.fast = self.process.stdout.readline().decode().split()

    def ask(self, line, data, dtype, shape):
        self.process.stdin.write(line.encode() + b"\n" + data)
        self.process.stdin.flush()
        count = int(np.prod(shape)) * dtype.itemsize
        out = self.process.stdout.read(count)
        if len(out) != count:
            sys.exit(f"{line}: {len(out)} bytes of {count}, exit status {self.process.wait()}")
        return torch.frombuffer(bytearray(out), dtype=dtype).reshape(shape)

    def product(self, weight, x, threads=1, y_dtype="float32", products="exact"):
        tokens = len(x)
        name = str(x.dtype).removeprefix("torch.")
        line = f"product {weight.text} {weight.rows} {weight.columns} {tokens} {threads} {name} {y_dtype} {products}"
        data = weight.parts() + x.contiguous().view(torch.uint8).numpy().tobytes()
        return self.ask(line, data, getattr(torch, y_dtype), (tokens, weight.rows))

    def unpack(self, weight, dtype="float32"):
        line = f"unpack {weight.text} {weight.rows} {weight.columns} {dtype}"
        return self.ask(line, weight.parts(), getattr(torch, dtype), (weight.rows, weight.columns))

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


def rounded(x, group):
    """The numbers that activations of 8 bits stand for: a scale for each 32 of a group, to nearest, ties to even."""
    out = np.zeros(x.shape)
    for first in range(0, x.shape[1], group):
        for at in range(first, min(first + group, x.shape[1]), 32):
            some = x.numpy()[:, at:min(at + 32, first + group)]
            most = np.abs(some).max(axis=1, keepdims=True)
            with np.errstate(divide="ignore", invalid="ignore"):
                codes = np.where(most > 0, np.rint(some * (np.float32(127) / most)), 0)
            out[:, at:at + some.shape[1]] = codes.astype(np.float64) * (most / np.float32(127))
    return out


def near(name, mine, x, dense, size, bound):
    """Each sum within `bound` of the sum of the absolute products, those with a zero's terms apart."""
    dense = dense.astype(np.float64)
    expected, size = x @ dense.T, np.abs(x) @ size.T
    error = np.abs(mine.double().numpy() - expected)
    if not (error <= bound * size).all():  # NaN is not near
        sys.exit(f"{name}: {np.nanmax(error / size):.3g} of the absolute products, {bound:.3g} allowed")


def sizes(weight, apart):
    """The absolute weights; where fast products add the terms of a weight apart, the sum of theirs. Codes of 8 bits
    then have a sign, so that 128 of them belong to the zero."""
    if not apart or not weight.code.startswith("int"):
        return np.abs(weight.dense().astype(np.float64))
    shift, middle = (128, 128) if weight.wide else (0, 8)
    scales = weight.scales.double().abs().numpy()
    if weight.zero == "number":
        zeros = shift * scales + weight.zeros.double().abs().numpy()
    else:
        zeros = np.abs((weight.zeros.double().numpy() if weight.zero == "code" else middle) - shift) * scales
    scales, zeros = (of.repeat(weight.group, axis=1)[:, :weight.columns] for of in (scales, zeros))
    return np.abs(weight.codes.astype(np.float64) - shift) * scales + zeros


def same(name, mine, theirs):
    if not torch.equal(mine.view(torch.uint8), theirs.view(torch.uint8)):
        sys.exit(f"{name}: other bits")


def check_sums(program, weight, rng, tokens=TOKENS, bound=2e-6):
    x = torch.from_numpy(rng.standard_normal((max(tokens), weight.columns), dtype=np.float32))
    for products in ("exact", "fast"):
        rounds = products == "fast" and weight.code in program.fast
        name = f"{weight.text}, {weight.rows} x {weight.columns}, {products}"
        every = program.product(weight, x, products=products)
        near(name, every, rounded(x, weight.group) if rounds else x.double().numpy(), weight.dense(),
             sizes(weight, rounds), bound)
        for some in tokens:
            for threads in (1, 3):
                y = program.product(weight, x[:some], threads, products=products)
                same(f"{name}, {some} tokens, {threads} threads", y, every[:some])
        same(f"{name}, a later token", program.product(weight, x[2:3], products=products), every[2:3])
        # bfloat16 is widened on the way in and rounded once on the way out.
        narrow = x[:3].bfloat16()
        wide = program.product(weight, narrow.float(), products=products)
        same(f"{name}, from bfloat16", program.product(weight, narrow, products=products), wide)
        y = program.product(weight, narrow, y_dtype="bfloat16", products=products)
        same(f"{name}, to bfloat16", y, wide.bfloat16())


def check_unpack(program, weight):
    dense = torch.from_numpy(weight.dense())
    for dtype in ("float32", "float64", "float16", "bfloat16"):
        same(f"{weight.text}, {weight.rows} x {weight.columns}, to {dtype}", program.unpack(weight, dtype),
             dense.to(getattr(torch, dtype)))


def check_tables(program, nf4):
    """Every code's number, through a weight whose scales are 1."""
    rng = np.random.default_rng(1)
    for code in ("nf4", "e2m1", "e4m3"):
        count = 256 if code == "e4m3" else 16
        weight = Weight((code, "none", "f32"), (1, count, count), rng, nf4)
        weight.codes[0], weight.scales[:] = np.arange(count), 1
        mine = program.unpack(weight).numpy()[0]
        theirs = nf4 if code == "nf4" else numbers(code)
        if code == "nf4":
            assert np.abs(mine - normal_floats()).max() < 1e-6, (mine, normal_floats())
        nan = np.isnan(theirs)
        assert (np.isnan(mine) == nan).all() and nan.sum() == (2 if code == "e4m3" else 0), code
        assert (mine[~nan].view(np.uint32) == theirs[~nan].view(np.uint32)).all(), code


def check_accuracy(program, form, rng, nf4):
    """Activations of 8 bits cost less than 1 percent."""
    weight = Weight(form, (64, 1024, 128), rng, nf4)
    x = torch.from_numpy(rng.standard_normal((4, 1024), dtype=np.float32))
    mine = program.product(weight, x, products="fast").double().numpy()
    expected = x.double().numpy() @ weight.dense().astype(np.float64).T
    error = np.sqrt(np.mean((mine - expected) ** 2, axis=0) / np.mean(expected ** 2, axis=0))
    if not np.median(error) < 0.01:
        sys.exit(f"{weight.text}: relative error of fast products {np.median(error)}")
    return np.median(error)


def check_hostile(program, form, shape, rng, nf4):
    """Scales and zeros that are not finite reach their own row alone, and x that is not finite its token alone."""
    columns = shape[1]
    x = torch.from_numpy(rng.standard_normal((3, columns), dtype=np.float32))
    for value in (float("inf"), float("-inf"), float("nan")):
        for part in ("scales", "zeros") if form[1] == "number" else ("scales",):
            weight = Weight(form, shape, rng, nf4)
            getattr(weight, part)[2, -1] = value
            for products in ("exact", "fast"):
                finite = torch.isfinite(program.product(weight, x, products=products)).all(dim=0).tolist()
                assert finite == [True, True, False, True], (weight.text, part, value, products, finite)
    weight = Weight(form, shape, rng, nf4)
    for value in (float("nan"), float("inf")):
        bad = x.clone()
        bad[1, columns - 1] = value
        for products in ("exact", "fast"):
            finite = torch.isfinite(program.product(weight, bad, products=products)).all(dim=1).tolist()
            assert finite == [True, False, True], (weight.text, value, products, finite)
    if form[0] == "e4m3":
        weight.codes[2, -1] = 255
        finite = torch.isfinite(program.product(weight, x)).all(dim=0).tolist()
        assert finite == [True, True, False, True], finite
    # Codes beyond a row's columns do not matter, however large they would be.
    if columns % 2 and form[0] == "int4" and form[1:] == ("none", "f32"):
        weight.codes[:], weight.scales[:], weight.padding[:] = 9, 2e38, 0
        small = torch.full((1, columns), 1e-3)
        assert torch.isfinite(program.product(weight, small)).all()


def check_all(program, nf4, forms, shapes, tokens, bound):
    for at, form in enumerate(forms):
        rng = np.random.default_rng(at)
        for shape in shapes:
            weight = Weight(form, shape, rng, nf4)
            check_unpack(program, weight)
            check_sums(program, weight, rng, tokens, bound)


def check_older_processors(path, nf4):
    """Vectors of other lengths, as far as this processor has them."""
    for target in ("avx2", "plain"):
        if subprocess.run([path, target], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 3:
            print(f"{target}: not on this processor")
            continue
        program = Program(path, target)
        check_tables(program, nf4)
        check_all(program, nf4, FORMS, ((9, 193, 64),), (1, 2, 3), 4e-6)
        program.end()
        print(f"{target}: weights and products are numpy's")


def main():
    path = sys.argv[1]
    program = Program(path)
    rng = np.random.default_rng(0)
    first = Weight(("nf4", "none", "f32"), (1, 16, 16), rng, None)
    first.codes[0], first.scales[:] = np.arange(16), 1
    nf4 = program.unpack(first).numpy()[0]  # check_tables compares it with what it is derived from
    check_tables(program, nf4)
    check_all(program, nf4, FORMS, SHAPES, TOKENS, 2e-6)
    print(f"{len(FORMS)} forms: weights and products are numpy's")
    for form in FORMS:
        error = check_accuracy(program, form, rng, nf4)
        print(f"{' '.join(form)}: relative error of fast products {error:.2g}")
        for shape in ((4, 96, 32), (4, 77, 32), (4, 77, 4096)):
            check_hostile(program, form, shape, rng, nf4)
    program.end()
    check_older_processors(path, nf4)


main()
