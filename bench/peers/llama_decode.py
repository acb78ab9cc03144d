#!/usr/bin/env python3
"""One greedy run of llama.cpp on the CPU, for bench/cpu_decode.py, which runs this with an interpreter that has the
packages xllamacpp, whose library is llama.cpp and is called directly, and numpy.

Prints an object: seconds of prefill, which is one pass, seconds of each further token, and the new ids. The context
computes with the library's own settings, save its length and its threads, and has run once before the prompt.

usage: bench/peers/llama_decode.py --model FILE --ids ID,... --new N --threads N
"""
import argparse
import ctypes
import glob
import json
import os
import sys
import time

import numpy as np
import xllamacpp

POINTER, INT, BOOL = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool
# The library prints a note for each tensor unless a function takes its notes: it gets their level, text and a pointer.
NOTES = ctypes.CFUNCTYPE(None, INT, ctypes.c_char_p, POINTER)
ERROR = 4  # the level of an error


class Settings(ctypes.Structure):
    """More bytes than any of the library's structures of settings, which are returned and passed by value: the
    library reads and writes the first ones. Those of a context begin with its length, batch and pass in tokens."""
    _fields_ = [("first", ctypes.c_uint32 * 3), ("rest", ctypes.c_char * 1012)]


@NOTES
def note(level, text, _):
    if level == ERROR:
        sys.stderr.write(text.decode(errors="replace"))


class Context:
    """A model, and its KV cache of so many tokens."""

    def __init__(self, file, length, threads):
        folder = os.path.dirname(xllamacpp.__file__)
        self.library = ctypes.CDLL(glob.glob(os.path.join(folder, "*.so"))[0])
        self.call(None, "llama_log_set", (NOTES, note), (POINTER, None))
        settings = self.call(Settings, "llama_model_default_params")
        self.model = self.call(POINTER, "llama_model_load_from_file", (ctypes.c_char_p, file.encode()),
                               (Settings, settings))
        assert self.model, f"llama.cpp cannot load {file}"
        settings = self.call(Settings, "llama_context_default_params")
        assert list(settings.first) == [512, 2048, 512], "the first settings of a context have changed"
        settings.first[:] = length, length, length
        self.own = self.call(POINTER, "llama_init_from_model", (POINTER, self.model), (Settings, settings))
        assert self.own, "llama.cpp cannot make a context"
        self.call(None, "llama_set_n_threads", (POINTER, self.own), (INT, threads), (INT, threads))
        self.memory = self.call(POINTER, "llama_get_memory", (POINTER, self.own))
        vocabulary = self.call(POINTER, "llama_model_get_vocab", (POINTER, self.model))
        self.words = self.call(INT, "llama_vocab_n_tokens", (POINTER, vocabulary))

    def call(self, result, name, *pairs):
        """Calls a function with pairs of type and value."""
        function = getattr(self.library, name)
        function.restype, function.argtypes = result, [kind for kind, _ in pairs]
        return function(*(value for _, value in pairs))

    def clear(self):
        self.call(None, "llama_memory_clear", (POINTER, self.memory), (BOOL, True))

    def held(self):
        """The tokens in the KV cache."""
        return 1 + self.call(INT, "llama_memory_seq_pos_max", (POINTER, self.memory), (INT, 0))

    def next(self, ids):
        """Runs the ids behind those that the KV cache holds; the likeliest token behind them."""
        held, values = self.held(), (INT * len(ids))(*ids)
        batch = self.call(Settings, "llama_batch_get_one", (POINTER, ctypes.addressof(values)), (INT, len(ids)))
        assert self.call(INT, "llama_decode", (POINTER, self.own), (Settings, batch)) == 0
        assert self.held() == held + len(ids)
        logits = self.call(ctypes.POINTER(ctypes.c_float), "llama_get_logits_ith", (POINTER, self.own), (INT, -1))
        return int(np.ctypeslib.as_array(logits, (self.words,)).argmax())


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--ids", required=True)
    parser.add_argument("--new", type=int, required=True, help="tokens behind the first one")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def main():
    given = arguments()
    ids = [int(word) for word in given.ids.split(",")]
    context = Context(given.model, len(ids) + given.new, given.threads)
    context.next(ids[:1])
    context.clear()
    times, made = [time.perf_counter()], [context.next(ids)]
    times.append(time.perf_counter())
    for _ in range(given.new):
        made.append(context.next(made[-1:]))
    times.append(time.perf_counter())
    assert context.held() == len(ids) + given.new
    print(json.dumps({"prefill_s": times[1] - times[0], "step_s": (times[2] - times[1]) / given.new, "ids": made}))


if __name__ == "__main__":
    main()
