"""Writes GGUF files of every value and element type, and what the gguf package reads of them."""
import json
import pathlib
import sys

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter, GGMLQuantizationType as Type
from gguf.quants import quantize

folder = pathlib.Path(sys.argv[1])
DENSE = {Type.F32, Type.F16, Type.BF16}


def write(path, alignment=None):
    rng = np.random.default_rng(3)
    out = GGUFWriter(path, "some")
    if alignment:
        out.add_custom_alignment(alignment)
    for kind, value in {
        "uint8": 200, "int8": -7, "uint16": 60000, "int16": -300, "uint32": 4_000_000_000,
        "int32": -5, "float32": 0.1, "uint64": 1 << 63, "int64": -(1 << 40), "float64": 0.1,
        "bool": True, "string": "text with ä and \n",
    }.items():
        out.add_key_value(f"value.{kind}", value, GGUFValueType[kind.upper()])
    out.add_array("list.int", [1, -2, 3])
    out.add_array("list.float", [0.5, 2.0])
    out.add_array("list.bool", [True, False])
    out.add_array("list.text", ["a", "", "ä" * 300_000])  # longer than any read buffer
    for i, kind in enumerate([Type.F32, Type.F16, Type.Q4_0, Type.Q4_1, Type.Q8_0, Type.BF16]):
        data = rng.standard_normal((3, 2, 96)).astype(np.float32)
        if kind == Type.F16:
            out.add_tensor(f"tensor.{i}", data.astype(np.float16))
        elif kind == Type.F32:
            out.add_tensor(f"tensor.{i}", data[0, 0, :5].copy())  # padded
        else:
            out.add_tensor(f"tensor.{i}", quantize(data, kind), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def expected(path):
    reader = GGUFReader(path)
    return {
        "metadata": {k: f.contents() for k, f in reader.fields.items() if not k.startswith("GGUF.")},
        "tensors": [
            {
                "name": t.name,
                "shape": [int(d) for d in reversed(t.shape)],
                "scheme": "" if t.tensor_type in DENSE else t.tensor_type.name,
                "offset": int(t.data_offset),
                "bytes": int(t.n_bytes),
            }
            for t in reader.tensors
        ],
    }


paths = [str(folder / "a.gguf"), str(folder / "b.gguf")]
write(paths[0])
write(paths[1], alignment=128)
(folder / "expected.json").write_text(json.dumps({p: expected(p) for p in paths}))
