"""Writes a Hugging Face folder with its linear layers quantized as GPTQ or AWQ, and its twin: the same numbers,
dense. Codes and zeros are integers, and scales have 3 significant bits, so that no number of the twin is rounded in
float16."""

import json
import shutil

import numpy as np
import safetensors.torch
import torch

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
AWQ_ROWS = [0, 2, 4, 6, 1, 3, 5, 7]  # a word's rows, from its lowest bits on
ONES = {2: 0x55555555, 4: 0x11111111, 8: 0x01010101}


class Codes:
    """A weight [out,in] as codes [out,in], with zeros and scales [groups,out] and each column's group."""

    def __init__(self, weight, bits, group, symmetric, act_order, random):
        rows, columns = weight.shape
        self.bits, most = bits, 2**bits - 1
        size = columns if group == -1 else group
        self.order = np.arange(columns, dtype=np.int32) // size
        if act_order:
            random.shuffle(self.order)
        groups = int(self.order.max()) + 1
        low, high = np.zeros((groups, rows)), np.zeros((groups, rows))
        for at in range(groups):
            part = weight[:, self.order == at]
            low[at], high[at] = np.minimum(part.min(1), 0), np.maximum(part.max(1), 0)
        if symmetric:
            high = np.maximum(high, -low)
            low = -high
        self.scales = rounded_up(np.maximum((high - low) / most, 2.0**-12))
        middle = np.full_like(low, 2**(bits - 1))
        self.zeros = (middle if symmetric else np.clip(np.round(-low / self.scales), 0, most)).astype(np.uint32)
        scales, zeros = self.scales[self.order].T, self.zeros[self.order].T
        self.codes = np.clip(np.round(weight / scales) + zeros, 0, most).astype(np.uint32)

    def dense(self):
        return (self.codes.astype(np.float64) - self.zeros[self.order].T) * self.scales[self.order].T


def rounded_up(numbers):
    """The next numbers of 3 significant bits."""
    steps = 2.0**(np.floor(np.log2(numbers)) - 2)
    return np.ceil(numbers / steps) * steps


def words(codes, bits):
    """Streams of codes down the columns of [n,m], in words of 32 bits: [n * bits / 32, m]."""
    one_by_one = (codes[:, None, :] >> np.arange(bits, dtype=np.uint32)[None, :, None]) & 1
    in_words = one_by_one.reshape(-1, 32, codes.shape[1]).astype(np.uint64)
    return (in_words << np.arange(32, dtype=np.uint64)[None, :, None]).sum(1).astype(np.uint32)


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array).view(np.int32))


def gptq(codes, version):
    zeros = codes.zeros
    if version == 1 and codes.bits == 3:
        zeros = (zeros - 1) & 7
    zeros = words(zeros.T.astype(np.uint32), codes.bits).T
    if version == 1 and codes.bits != 3:
        zeros = zeros - np.uint32(ONES[codes.bits])
    return {"qweight": tensor(words(codes.codes.T, codes.bits)), "qzeros": tensor(zeros),
            "scales": torch.from_numpy(codes.scales).half(), "g_idx": torch.from_numpy(codes.order)}


def awq(codes):
    def packed(columns):  # [n,out] -> [n,out/8]
        rows = columns.reshape(len(columns), -1, 8)[:, :, AWQ_ROWS].astype(np.uint32)
        return tensor((rows << np.arange(0, 32, 4, dtype=np.uint32)).sum(2, dtype=np.uint32))

    return {"qweight": packed(codes.codes.T), "qzeros": packed(codes.zeros),
            "scales": torch.from_numpy(codes.scales).half()}


def write(source, folder, twin, parts, config, *, bits, group, symmetric=False, act_order=False, seed=0):
    """Quantizes the folder `source`, of one file: `parts` makes the tensors of Codes. `config` becomes the
    quantization_config."""
    random = np.random.default_rng(seed)
    quantized, dense = {}, {}
    for name, weight in safetensors.torch.load_file(source / "model.safetensors").items():
        module = name.removesuffix(".weight")
        if module.rsplit(".", 1)[-1] not in LINEAR:
            quantized[name] = dense[name] = weight
            continue
        codes = Codes(weight.double().numpy(), bits, group, symmetric, act_order, random)
        quantized |= {f"{module}.{key}": value for key, value in parts(codes).items()}
        dense[name] = torch.from_numpy(codes.dense()).float()
    for to, tensors, more in ((folder, quantized, {"quantization_config": config}), (twin, dense, {})):
        shutil.copytree(source, to)
        safetensors.torch.save_file(tensors, to / "model.safetensors", {"format": "pt"})
        settings = json.loads((source / "config.json").read_text())
        (to / "config.json").write_text(json.dumps(settings | more))


def write_gptq(source, folder, twin, *, version=1, bits=4, group=32, symmetric=False, act_order=False):
    config = {"quant_method": "gptq", "bits": bits, "group_size": group, "sym": symmetric, "desc_act": act_order,
              "checkpoint_format": "gptq" if version == 1 else "gptq_v2"}
    write(source, folder, twin, lambda codes: gptq(codes, version), config, bits=bits, group=group,
          symmetric=symmetric, act_order=act_order)


def write_awq(source, folder, twin, *, group=32):
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": True}
    write(source, folder, twin, awq, config, bits=4, group=group)
