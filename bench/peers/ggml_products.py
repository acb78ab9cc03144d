#!/usr/bin/env python3
"""llama.cpp's products with packed weights, for bench/packed_linear.py, which runs this with an interpreter that has
the package xllamacpp: its library holds ggml, which is called directly.

"plain" weights are multiplied as they lie, "repack" weights in the order that ggml gives them for this processor.
Prints an object a line, each from a process of its own, since ggml ends the process where it has no such order.

usage: bench/peers/ggml_products.py --bytes N --columns N --tokens N,... --threads N --rounds N --blocks NAME,...
"""
import argparse
import ctypes
import glob
import json
import os
import statistics
import sys
import time

import xllamacpp

# ggml's number of each type, the bytes of a block and its elements.
TYPES = {"Q4_0": (2, 18, 32), "Q4_1": (3, 20, 32), "Q5_0": (6, 22, 32), "Q5_1": (7, 24, 32), "Q8_0": (8, 34, 32),
         "Q2_K": (10, 84, 256), "Q3_K": (11, 110, 256), "Q4_K": (12, 144, 256), "Q5_K": (13, 176, 256),
         "Q6_K": (14, 210, 256)}
ORDERS = {"plain": "ggml_backend_cpu_buffer_type", "repack": "_Z35ggml_backend_cpu_repack_buffer_typev"}
POINTER, LONG, SIZE, INT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_size_t, ctypes.c_int


class Parameters(ctypes.Structure):
    _fields_ = [("size", SIZE), ("buffer", POINTER), ("no_alloc", ctypes.c_bool)]


class Library:
    """Functions of ggml by their names: each call gives the result's type, then pairs of type and value."""

    def __init__(self):
        folder = os.path.dirname(xllamacpp.__file__)
        self.library = ctypes.CDLL(glob.glob(os.path.join(folder, "*.so"))[0])

    def call(self, result, name, *pairs):
        function = getattr(self.library, name)
        function.restype, function.argtypes = result, [kind for kind, _ in pairs]
        return function(*(value for _, value in pairs))

    def context(self):
        return self.call(POINTER, "ggml_init", (Parameters, Parameters(1 << 22, None, True)))

    def matrix(self, context, kind, columns, rows):
        return self.call(POINTER, "ggml_new_tensor_2d", (POINTER, context), (INT, kind), (LONG, columns), (LONG, rows))

    def fill(self, tensor, data):
        self.call(None, "ggml_backend_tensor_set", (POINTER, tensor), (ctypes.c_char_p, data), (SIZE, 0),
                  (SIZE, len(data)))


def measure(given, block, tokens, order):
    ggml = Library()
    ggml.call(None, "ggml_cpu_init")
    backend = ggml.call(POINTER, "ggml_backend_cpu_init")
    ggml.call(None, "ggml_backend_cpu_set_n_threads", (POINTER, backend), (INT, given.threads))
    kind, size, elements = TYPES[block]
    row = given.columns // elements * size
    rows = given.bytes // row // 16 * 16
    held, used = ggml.context(), ggml.context()
    weight = ggml.matrix(held, kind, given.columns, rows)
    buffers = ggml.call(POINTER, ORDERS[order])
    assert ggml.call(POINTER, "ggml_backend_alloc_ctx_tensors_from_buft", (POINTER, held), (POINTER, buffers))
    pattern = bytes(n * 41 % 61 for n in range(4093))  # every half float among these is finite
    ggml.fill(weight, (pattern * (row * rows // len(pattern) + 1))[:row * rows])
    x = ggml.matrix(used, 0, given.columns, tokens)
    y = ggml.call(POINTER, "ggml_mul_mat", (POINTER, used), (POINTER, weight), (POINTER, x))
    graph = ggml.call(POINTER, "ggml_new_graph", (POINTER, used))
    ggml.call(None, "ggml_build_forward_expand", (POINTER, graph), (POINTER, y))
    assert ggml.call(POINTER, "ggml_backend_alloc_ctx_tensors", (POINTER, used), (POINTER, backend))
    ggml.fill(x, b"\0\0\0\x3f" * (given.columns * tokens))
    times = []
    for _ in range(given.rounds + 1):
        begin = time.perf_counter()
        assert ggml.call(INT, "ggml_backend_graph_compute", (POINTER, backend), (POINTER, graph)) == 0
        times.append(time.perf_counter() - begin)
    took = statistics.median(times[1:])  # the first one warms up
    print(json.dumps({"block": block, "tokens": tokens, "order": order, "seconds": took,
                      "bytes_per_second": row * rows / took}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("bytes", "columns", "threads", "rounds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--blocks", required=True)
    given = parser.parse_args()
    for tokens in given.tokens.split(","):
        for block in given.blocks.split(","):
            for order in ORDERS:
                child = os.fork()
                if child == 0:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
                    measure(given, block, int(tokens), order)
                    os._exit(0)
                os.waitpid(child, 0)


if __name__ == "__main__":
    main()
