"""Malformed files: the changes that are made to a valid model.

A row: name, what is done to the copy of the model. Rows are run by `plan`, which reads first what
every other command reads first; their lines stand in malformed.golden.
"""

import json
import os
import struct

import numpy as np

from malformed_inputs import (cut, edit_header, edit_json, edit_tensors, patch, patch_after,
                              replace_text, write_gguf, write_header)

Q = "model.layers.0.self_attn.q_proj.weight"
K = "model.layers.0.self_attn.k_proj.weight"


def weights(change, *arguments, **more):
    return lambda model: change(model / "model.safetensors", *arguments, **more)


def header(change):
    return lambda model: edit_header(model / "model.safetensors", change)


def tensors(change):
    return lambda model: edit_tensors(model / "model.safetensors", change)


def config(change):
    return lambda model: edit_json(model / "config.json", change)


def config_text(text):
    return lambda model: (model / "config.json").write_text(text)


def index(change):
    return lambda model: edit_json(model / "model.safetensors.index.json", change)


def first_two_overlap(h):
    a, b = sorted((n for n in h if n != "__metadata__"), key=lambda n: h[n]["data_offsets"])[:2]
    size = h[b]["data_offsets"][1] - h[b]["data_offsets"][0]
    begin = h[a]["data_offsets"][0]
    h[b]["data_offsets"] = [begin, begin + size]


SAFETENSORS = [
    ("empty", weights(cut, 0)),
    ("cut in the header's length", weights(cut, 5)),
    ("cut in the header", weights(cut, 100)),
    ("cut in the data", weights(cut, -100)),
    ("header of 2^63 bytes", weights(patch, 0, struct.pack("<Q", 2**63))),
    ("header of more bytes than the file", weights(patch, 0, struct.pack("<Q", 10**6))),
    ("header is no JSON", weights(patch, 8, b"}")),
    ("header is a list", weights(write_header, b"[1, 2]")),
    ("header nested deeply", weights(write_header, b"[" * 10000 + b"]" * 10000)),
    ("number out of range", weights(write_header, b'{"a":{"dtype":"F32","shape":[1e999],'
                                    b'"data_offsets":[0,4]}}', b"1234")),
    ("tensor twice", weights(write_header, b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                             b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1")),
    ("data beyond the file", header(lambda h: h[Q].update(data_offsets=[10**9, 10**9 + 1024]))),
    ("data ends before it begins", header(lambda h: h[Q].update(data_offsets=[1024, 0]))),
    ("data at a negative place", header(lambda h: h[Q].update(data_offsets=[-1024, 0]))),
    ("two tensors in one place", header(first_two_overlap)),
    ("shape against bytes", header(lambda h: h[Q].update(shape=[16, 17]))),
    ("shape of 2^80 numbers", header(lambda h: h[Q].update(shape=[2**40, 2**40]))),
    ("shape of 2^32 zero rows", header(lambda h: h[Q].update(shape=[2**62, 2**62, 0]))),
    ("negative shape", header(lambda h: h[Q].update(shape=[-16, -16]))),
    ("unknown dtype", header(lambda h: h[Q].update(dtype="F7"))),
    ("no dtype", header(lambda h: h[Q].pop("dtype"))),
    ("missing tensor", tensors(lambda t: t.pop(Q))),
    ("misshapen tensor", tensors(lambda t: t.update({Q: np.zeros((16, 15), np.float32)}))),
    ("quantized tensors", tensors(lambda t: (t.pop(Q), t.update({Q[:-6] + "qweight": np.zeros((2, 16), np.int32)})))),
    ("a pointer of Git LFS", lambda m: (m / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4920734272\n")),
    ("integers for weights", tensors(lambda t: t.update({Q: np.zeros((16, 16), np.int32)}))),
]

SHARDED = [
    ("index is empty", lambda m: cut(m / "model.safetensors.index.json", 0)),
    ("index is cut", lambda m: cut(m / "model.safetensors.index.json", -20)),
    ("index without weight_map", index(lambda i: i.pop("weight_map"))),
    ("index maps to a number", index(lambda i: i["weight_map"].update({Q: 3}))),
    ("index maps outside of the folder",
     index(lambda i: i["weight_map"].update({Q: "../b.safetensors"}))),
    ("shard is missing", lambda m: (m / "b.safetensors").unlink()),
    ("shard is cut", lambda m: cut(m / "b.safetensors", -8)),
]

CONFIG = [
    ("missing", lambda m: (m / "config.json").unlink()),
    ("empty", config_text("")),
    ("cut", config_text('{"model_type": "llama", "vocab')),
    ("a list", config_text("[]")),
    ("a key is null", config(lambda c: c.update(rms_norm_eps=None))),
    ("number out of range", config_text('{"model_type": "llama", "vocab_size": 1e999}')),
    ("a folder", lambda m: ((m / "config.json").unlink(), (m / "config.json").mkdir())),
    ("a pipe", lambda m: ((m / "config.json").unlink(), os.mkfifo(m / "config.json"))),
    ("no model_type", config(lambda c: c.pop("model_type"))),
    ("model_type is a number", config(lambda c: c.update(model_type=7))),
    ("unknown model_type", config(lambda c: c.update(model_type="lama\n"))),
    ("key missing", config(lambda c: c.pop("hidden_size"))),
    ("key is text", config(lambda c: c.update(hidden_size="16"))),
    ("key is negative", config(lambda c: c.update(num_hidden_layers=-1))),
    ("2^30 layers", config(lambda c: c.update(num_hidden_layers=2**30))),
    ("2^62 tokens", config(lambda c: c.update(vocab_size=2**62))),
    ("heads that do not divide", config(lambda c: c.update(num_key_value_heads=3))),
    ("more layers than weights", config(lambda c: c.update(num_hidden_layers=2))),
    ("unknown activation", config(lambda c: c.update(hidden_act="silly"))),
    ("unknown rope type",
     config(lambda c: c.update(rope_parameters={"rope_type": "lama3", "rope_theta": 1e4}))),
    ("unknown rope type, older", config(lambda c: (c.pop("rope_parameters"), c.update(
        rope_scaling={"type": "ntk", "factor": 2.0})))),
    ("rope theta is null", config(lambda c: c["rope_parameters"].update(rope_theta=None))),
    ("rope key missing", config(lambda c: c["rope_parameters"].update(rope_type="linear"))),
    ("rope theta 0", config(lambda c: c["rope_parameters"].update(rope_theta=0))),
]


def key_value(key):
    """The bytes of a GGUF key; its type and value follow them."""
    return struct.pack("<Q", len(key)) + key.encode()


def tensor_info(name):
    """The bytes of a GGUF tensor's name; dimensions, type and offset follow them."""
    return key_value(name)


def data_offset(name, value):
    return lambda m: patch_after(m, tensor_info(name), 4 + 16 + 4, struct.pack("<Q", value))


def made(**options):
    return lambda m: write_gguf(m, **options)


GGUF = [
    ("empty", lambda m: cut(m, 0)),
    ("cut in the magic", lambda m: cut(m, 3)),
    ("cut in the counts", lambda m: cut(m, 20)),
    ("cut in the metadata", lambda m: cut(m, 200)),
    ("cut in the data", lambda m: cut(m, -100)),
    ("another magic", lambda m: patch(m, 0, b"GGML")),
    ("version 1", lambda m: patch(m, 4, struct.pack("<I", 1))),
    ("version 99", lambda m: patch(m, 4, struct.pack("<I", 99))),
    ("the other byte order", lambda m: patch(m, 4, struct.pack(">I", 3))),
    ("2^60 tensors", lambda m: patch(m, 8, struct.pack("<Q", 2**60))),
    ("2^60 keys", lambda m: patch(m, 16, struct.pack("<Q", 2**60))),
    ("key of 2^62 bytes", lambda m: patch(m, 24, struct.pack("<Q", 2**62))),
    ("list of 2^60 words", lambda m: patch_after(m, key_value("tokenizer.ggml.tokens"), 8,
                                                 struct.pack("<Q", 2**60))),
    ("unknown type of a value", lambda m: patch_after(m, key_value("llama.block_count"), 0,
                                                      struct.pack("<I", 77))),
    ("data beyond the file", data_offset("blk.0.attn_q.weight", 2**40)),
    ("data at 2^64 - 32", data_offset("blk.0.attn_q.weight", 2**64 - 32)),
    ("data not aligned", data_offset("blk.0.attn_q.weight", 33)),
    ("two tensors in one place", data_offset("blk.0.attn_q.weight", 0)),
    ("77 dimensions", lambda m: patch_after(m, tensor_info("blk.0.attn_q.weight"), 0,
                                            struct.pack("<I", 77))),
    ("2^62 rows", lambda m: patch_after(m, tensor_info("blk.0.attn_q.weight"), 12,
                                        struct.pack("<Q", 2**62))),
    ("unknown type of a tensor", lambda m: patch_after(m, tensor_info("blk.0.attn_q.weight"), 20,
                                                       struct.pack("<I", 99))),
    ("rows that are no whole blocks", lambda m: patch_after(
        m, tensor_info("blk.0.attn_q.weight"), 20, struct.pack("<I", 8))),
    ("missing tensor", made(drop=("blk.0.attn_q.weight",))),
    ("misshapen tensor", made(shapes={"blk.0.attn_q.weight": (16, 15)})),
    ("extra tensor", made(more={"blk.0.attn_q.bias": np.zeros(16, np.float32)})),
    ("integers for weights", made(more={"blk.0.attn_q.weight": np.zeros((16, 16), np.int32)})),
    ("key missing", made(drop=("block_count",))),
    ("unknown architecture", made(architecture="lama")),
]

FORMATS = {"safetensors": SAFETENSORS, "sharded": SHARDED, "config.json": CONFIG, "gguf": GGUF}


def tokenizer(change):
    return lambda m: edit_json(m / "tokenizer.json", change)


def tokenizer_text(text):
    return lambda m: (m / "tokenizer.json").write_text(text)


# Files for `tokenize`, which needs only the tokenizer.
TOKENIZER = [
    ("missing", lambda m: (m / "tokenizer.json").unlink()),
    ("empty", tokenizer_text("")),
    ("cut", lambda m: cut(m / "tokenizer.json", -30)),
    ("a list", tokenizer_text("[]")),
    ("number out of range", lambda m: replace_text(m / "tokenizer.json", ": 7,", ": 1e999,")),
    ("unknown model", tokenizer(lambda t: t["model"].update(type="Odd"))),
    ("no vocabulary", tokenizer(lambda t: t["model"].pop("vocab"))),
    ("a negative id", tokenizer(lambda t: t["model"]["vocab"].update({"!": -3}))),
    ("two tokens of one id", tokenizer(lambda t: t["model"]["vocab"].update({"!": 5}))),
    ("a merge of unknown tokens", tokenizer(lambda t: t["model"].update(merges=[["ab", "c"]]))),
    ("unknown pre-tokenizer", tokenizer(lambda t: t.update(pre_tokenizer={"type": "UnicodeScripts"}))),
    ("unknown normalizer", tokenizer(lambda t: t.update(normalizer={"type": "Odd"}))),
]


def file(name, text):
    return lambda m: (m / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def chat(template):
    return file("tokenizer_config.json", json.dumps({"chat_template": template}))


# Files for `generate --chat`.
CHAT = [
    ("no template", file("tokenizer_config.json", "{}")),
    ("no JSON", file("tokenizer_config.json", "{")),
    ("a list", file("tokenizer_config.json", "[]")),
    ("a token is a number", file("tokenizer_config.json", '{"bos_token": 3}')),
    ("template is a number", chat(3)),
    ("no default of several", chat([{"name": "tool_use", "template": "x"}])),
    ("tag without end", chat("a\n{{ b")),
    ("unknown statement", chat("{% include 'x' %}")),
    ("unknown filter", chat("\n\n{{ messages|batch(2) }}")),
    ("it refuses", chat("{{ raise_exception('no system') }}")),
    ("it never ends", chat("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}")),
    ("not UTF-8", file("chat_template.jinja", b"\xff")),
    ("a folder", lambda m: (m / "chat_template.jinja").mkdir()),
    ("it gives nothing", chat("")),
]

# Files for `generate`.
GENERATION = [
    ("cut", file("generation_config.json", '{"eos')),
    ("a list", file("generation_config.json", "[]")),
    ("eos is text", file("generation_config.json", '{"eos_token_id": "a"}')),
    ("eos past 32 bits", file("generation_config.json", '{"eos_token_id": [1, 4294967296]}')),
    ("top_p above 1", file("generation_config.json", '{"top_p": 7}')),
    ("top_k below 0", file("generation_config.json", '{"top_k": -1}')),
    ("no new tokens", file("generation_config.json", '{"max_new_tokens": 0}')),
    ("suppressed text", file("generation_config.json", '{"suppress_tokens": ["a"]}')),
]
