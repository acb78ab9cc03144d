"""Stands in for the package protobuf: sentencepiece's messages as transformers asks for them."""
import struct
import types

from transformers import convert_slow_tokenizer

# The numbers of the fields that are read, with the defaults of their format.
PIECE = {1: ("piece", ""), 2: ("score", 0.0), 3: ("type", 1)}
TRAINER = {3: ("model_type", 1), 35: ("byte_fallback", False), 40: ("unk_id", 0), 41: ("bos_id", 1),
           42: ("eos_id", 2), 45: ("unk_piece", "<unk>"), 46: ("bos_piece", "<s>"),
           47: ("eos_piece", "</s>")}
NORMALIZER = {2: ("precompiled_charsmap", b""), 3: ("add_dummy_prefix", True),
              4: ("remove_extra_whitespaces", True), 5: ("escape_whitespaces", True)}


def fields(message):
    """The fields of a protocol buffer's message: number and value."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(tag & 7) or varint()
            at += size
            yield tag >> 3, message[at - size:at]


def read(message, table):
    out = types.SimpleNamespace(**dict(table.values()))
    for number, value in fields(message):
        if number not in table:
            continue
        name, default = table[number]
        if isinstance(default, str):
            value = value.decode()
        elif isinstance(default, float):
            value, = struct.unpack("<f", value)
        elif isinstance(default, bool):
            value = bool(value)
        elif isinstance(default, int):
            value = value - 2 ** 64 if value >= 2 ** 63 else value
        setattr(out, name, value)
    return out


class ModelProto:
    def ParseFromString(self, message):
        every = list(fields(message))
        self.pieces = [read(value, PIECE) for number, value in every if number == 1]
        self.trainer_spec, = [read(value, TRAINER) for number, value in every if number == 2]
        self.normalizer_spec, = [read(value, NORMALIZER) for number, value in every if number == 3]


def install():
    convert_slow_tokenizer.import_protobuf = lambda *_: types.SimpleNamespace(ModelProto=ModelProto)
    convert_slow_tokenizer.requires_backends = lambda *_: None
