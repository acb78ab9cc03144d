"""Writes the gguf package's table of element types."""
import json
import sys

from gguf import GGML_QUANT_SIZES

table = {
    int(kind): {"name": kind.name, "elements": size[0], "bytes": size[1]}
    for kind, size in GGML_QUANT_SIZES.items()
}
with open(sys.argv[1], "w") as out:
    json.dump(table, out)
