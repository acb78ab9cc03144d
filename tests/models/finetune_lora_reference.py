"""PEFT's adapters in training: the numbers that `strata finetune --lora` draws to begin with, and the plain loop
of finetune_reference.py over transformers' model with these adapters.
"""

import math

import numpy as np
import peft
import torch
from peft.tuners.lora.layer import ParamWrapper

from finetune_reference import Loop, load, steps_of

LOW = np.uint64(0xffffffff)


def name_key(name):
    """FNV-1a of the name."""
    key = 0xcbf29ce484222325
    for letter in name.encode():
        key = (key ^ letter) * 0x100000001b3 & 0xffffffffffffffff
    return key


def uniform(seed, key, count):
    """Philox 4x32-10 under the seed; the counter is the element and the key. Numbers in [0, 1)."""
    element = np.arange(count, dtype=np.uint64)
    full = np.zeros(count, dtype=np.uint64)
    a, b = element & LOW, element >> np.uint64(32)
    c, d = full + np.uint64(key & 0xffffffff), full + np.uint64(key >> 32)
    low, high = np.uint64(seed & 0xffffffff), np.uint64(seed >> 32)
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b, c, d = ((second >> np.uint64(32)) ^ b ^ low, second & LOW,
                      (first >> np.uint64(32)) ^ d ^ high, first & LOW)
        low, high = (low + np.uint64(0x9E3779B9)) & LOW, (high + np.uint64(0xBB67AE85)) & LOW
    return ((a << np.uint64(32) | b) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def first_a(seed, module, shape):
    """A as it is drawn: uniform within 1/sqrt(in)."""
    drawn = 2 * uniform(seed, name_key(module + ".lora_A"), math.prod(shape)) - 1
    return torch.from_numpy((drawn / math.sqrt(shape[-1])).astype(np.float32)).view(shape)


def modules_of(model):
    """By the name that transformers has for it, each layer of PEFT in the model."""
    out = {}
    for name, layer in model.named_modules():
        if not isinstance(layer, peft.tuners.lora.LoraLayer):
            continue
        words = [word for word in name.split(".") if word != "base_layer"]
        if isinstance(layer, ParamWrapper) and layer.parameter_name != "weight":
            words.append(layer.parameter_name)
        out[".".join(words)] = layer
    return out


def with_adapters(folder, config, seed):
    """The model in the folder with PEFT's adapters, as a run with that seed begins."""
    model = peft.get_peft_model(load(folder), config)
    for name, layer in modules_of(model.base_model.model).items():
        with torch.no_grad():
            a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            assert not b.any()
            a.copy_(first_a(seed, name, tuple(a.shape)))
    return model


def train(folder, sequences, settings, config, seed):
    """The model with trained adapters, what is said of each step, and the margin of the routers."""
    model = with_adapters(folder, config, seed)
    loop = Loop(model.base_model.model, settings)
    steps = [loop.step(batches) for batches in steps_of(sequences, settings)]
    return model.eval(), steps, loop.margin
