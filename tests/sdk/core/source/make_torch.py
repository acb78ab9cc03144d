"""Writes state dicts with torch.save in each of its formats, and what torch.load reads of them.

FOLDER/NAME/ is a model each, FOLDER/NAME.json what it holds; FOLDER/refused/ has files that are not
what they should be."""
import collections
import io
import json
import pathlib
import struct
import sys
import warnings
import zipfile

import torch

from dtype_codes import CODES, described

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(7)
warnings.filterwarnings("ignore")  # of protocols other than 2


def all_dtypes():
    shapes = [(3, 5), (4,), (), (2, 3, 4), (1, 7)]
    out = collections.OrderedDict()
    for i, dtype in enumerate(CODES):
        out[f"layer.{i}.weight"] = (torch.randn(shapes[i % len(shapes)]) * 50).to(dtype)
    out["empty"] = torch.zeros(0, 3)
    out["names with \"quotes\" and ä"] = torch.arange(400, dtype=torch.float32)
    whole = torch.randn(6, 4)
    out["whole"], out["part"], out["again"] = whole, whole[2:5], whole
    out["parameter"] = torch.nn.Parameter(torch.randn(2, 2))
    out["column"] = torch.randn(4, 1).t()  # strides of dimensions of 1 say nothing
    out._metadata = collections.OrderedDict({"": {"version": 1}})
    return out


def write(name, value, shards=None, inner=None, **how):
    """A model of one file, or of several; `inner` names the state dict inside of what is saved."""
    (folder / name).mkdir()
    (folder / name / "config.json").write_text("{}")
    held = {}
    for file, part in (shards or {"pytorch_model.bin": value}).items():
        torch.save(part, folder / name / file, **how)
        # torch's own restricted reader does not know protocol 4.
        plain = how.get("pickle_protocol", 2) < 4
        loaded = torch.load(folder / name / file, weights_only=plain)
        held |= loaded[inner] if inner else loaded
    (folder / f"{name}.json").write_text(json.dumps({k: described(t) for k, t in held.items()}))


tensors = all_dtypes()
for protocol in (2, 3, 4, 5):
    for zipped in (True, False):
        write(f"{'zip' if zipped else 'legacy'} {protocol}", tensors, pickle_protocol=protocol,
              _use_new_zipfile_serialization=zipped)
write("module", torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict())
write("nested", {"epoch": 3, "lr": 0.5, "steps": 1 << 40, "below": -5, "model": dict(tensors)},
      inner="model")
write("state", {"state_dict": tensors, "args": None, "list": [1, "a", (True, 70000)]},
      inner="state_dict")
# The last one is more than is turned at a time.
turned = {"a": torch.arange(6.0).reshape(2, 3).t(), "b": torch.randn(5, 7).to(torch.bfloat16).t(),
          "part": torch.randn(9, 4)[2:7].t(), "plain": torch.ones(2, 2), "long": torch.randn(5, 2000000).t()}
write("turned", turned)
write("turned legacy", turned, _use_new_zipfile_serialization=False)
parts = {f"pytorch_model-{i}.bin": {n: t for j, (n, t) in enumerate(tensors.items()) if j % 2 == i}
         for i in range(2)}
write("sharded", tensors, shards=parts)
(folder / "sharded/pytorch_model.bin.index.json").write_text(json.dumps(
    {"weight_map": {n: file for file, part in parts.items() for n in part}}))

# Files that are refused, each slightly different from one that torch.save wrote.
refused = folder / "refused"
refused.mkdir()
plain = {"a": torch.arange(6, dtype=torch.float32).reshape(2, 3), "b": torch.ones(6)}


def saved(value, **how):
    out = io.BytesIO()
    torch.save(value, out, **how)
    return out.getvalue()


def zipped(change=None, compression=zipfile.ZIP_STORED, skip=(), twice=()):
    """The plain file written again by another library."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(plain))) as old, \
            zipfile.ZipFile(out, "w", compression) as new:
        for name in old.namelist():
            data = old.read(name)
            short = name.removeprefix("archive/")
            if short in skip:
                continue
            new.writestr(name, (change or {}).get(short, data))
            if short in twice:
                new.writestr(name, data)
    return out.getvalue()


def patched(data, mark, at, value, last=False):
    place = (data.rindex(mark) if last else data.index(mark)) + at
    return data[:place] + value + data[place + len(value):]


def in_zip64(data):
    """The same file with every number of its directory in 64 bits, as files past 4 GB have them."""
    end = data.rindex(b"PK\5\6")
    count, _, at = struct.unpack_from("<HII", data, end + 10)
    out, begin = bytearray(data[:at]), at
    for _ in range(count):
        size, offset = struct.unpack_from("<I", data, at + 24)[0], struct.unpack_from("<I", data, at + 42)[0]
        name, extra, _ = struct.unpack_from("<HHH", data, at + 28)
        head = bytearray(data[at:at + 46])
        struct.pack_into("<II", head, 20, 0xFFFFFFFF, 0xFFFFFFFF)
        struct.pack_into("<HH", head, 30, 4 + 5 + 28, 0)
        struct.pack_into("<I", head, 42, 0xFFFFFFFF)
        other = struct.pack("<HH", 0x7075, 5) + b"other"
        out += head + data[at + 46:at + 46 + name] + other
        out += struct.pack("<HHQQQ", 1, 24, size, size, offset)
        at += 46 + name + extra
    record = len(out)
    out += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, record - begin, begin)
    out += struct.pack("<IIQI", 0x07064B50, 0, record, 1)
    return bytes(out + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF,
                                   0xFFFFFFFF, 0))


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


good, old = zipped(), saved(plain, _use_new_zipfile_serialization=False)
central = struct.pack("<I", 0x02014b50)
first = good.index(central)
size = struct.unpack_from("<I", good, first + 24)[0]
wide = in_zip64(good)
(folder / "zip64").mkdir()
(folder / "zip64/config.json").write_text("{}")
(folder / "zip64/pytorch_model.bin").write_bytes(wide)
(folder / "zip64.json").write_text(json.dumps({name: described(t) for name, t in plain.items()}))
FILES = {
    "empty": b"",
    "text": b"words, and no model",
    "cut": good[:-1],
    "cut in the data": good[:200],
    "compressed": zipped(compression=zipfile.ZIP_DEFLATED),
    "encrypted": patched(good, central, 8, b"\1"),
    "twice": zipped(twice=("data/1",)),
    "two sizes": patched(good, central, 24, struct.pack("<I", size + 1)),
    "past the directory": patched(good, central, 20, struct.pack("<II", 1 << 30, 1 << 30)),
    "on top": patched(good, central, 20, struct.pack("<II", 600, 600)),
    "directory cut": patched(good, b"PK\5\6", 12, struct.pack("<I", 60), last=True),
    "directory of 2^31 bytes": patched(good, b"PK\5\6", 12, struct.pack("<I", 1 << 31), last=True),
    "entry beyond": patched(good, central, 42, struct.pack("<I", 1 << 30)),
    "entry elsewhere": patched(good, central, 42, struct.pack("<I", 4)),
    "wide without room": patched(good, central, 42, struct.pack("<I", 0xFFFFFFFF)),
    "wide and cut": patched(wide, b"PK\6\6", 0, b"PK\6\5"),
    "wide field cut": patched(wide, struct.pack("<HH", 1, 24), 2, b"\x10"),
    "wide field too long": patched(wide, struct.pack("<HH", 0x7075, 5), 2, b"\xff"),
    "big-endian": zipped({"byteorder": b"big"}),
    "no pickle": zipped(skip=("data.pkl",)),
    "no storage": zipped(skip=("data/1",)),
    "storage too short": zipped({"data/1": b"12345678"}),
    "executed": saved(Evil()),
    "a list": saved([torch.ones(2)]),
    "no tensors": saved({"a": 1}),
    "a tensor": saved(torch.ones(2)),
    "two dicts": saved({"model": dict(plain), "state_dict": dict(b=torch.ones(1))}),
    "dict among tensors": saved({"a": torch.ones(2), "more": dict(plain)}),
    "number for a name": saved({1: torch.ones(2)}),
    "cut out": saved({"a": torch.ones(2, 6)[:, :3]}),
    "turned in three": saved({"a": torch.ones(2, 3, 4).permute(2, 1, 0)}),
    "expanded": saved({"a": torch.ones(3).expand(2, 3)}),
    "complex": saved({"a": torch.ones(2, dtype=torch.complex64)}),
    "sparse": saved({"a": torch.ones(2, 2).to_sparse()}),
    "a module": saved(torch.nn.Linear(2, 2)),
    "legacy cut": old[:-1],
    "legacy cut in the pickle": old[:60],
    "legacy of other magic": b"\x80\x02K\x07." * 5,
    "legacy big-endian": patched(old, b"little_endian", 15, b"\x89"),
    "legacy of two sizes": patched(old, b".\6\0\0\0\0\0\0\0", 1, b"\5"),
}
for name, data in FILES.items():
    (refused / f"{name}.bin").write_bytes(data)
(refused / "config.json").write_text("{}")
