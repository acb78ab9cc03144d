"""Weights as compressed-tensors, bitsandbytes and fine-grained FP8 store them, written from the formats'
descriptions. Each function takes a matrix [out,in] in float32 and returns its tensors, by the ends of their names,
and what they stand for in float32. Scales are such that no package rounds the elements further."""

import json

import numpy as np
import torch

NF4 = torch.tensor([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
                    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
                    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
                    0.7229568362236023, 1.0])
FP4 = torch.tensor([0, 0.0625, 8, 12, 4, 6, 2, 3]) / 12
FP4 = torch.cat([FP4, -FP4])
E2M1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
E2M1 = torch.cat([E2M1, -E2M1])


def words(codes, bits):
    """Rows of unsigned codes as words of 32 bits, filled from the lowest bit up."""
    places = (codes.numpy()[..., None] >> np.arange(bits)) & 1
    row = places.reshape(len(codes), -1).astype(np.uint8)
    row = np.pad(row, ((0, 0), (0, -row.shape[1] % 32)))
    return torch.from_numpy(np.packbits(row, axis=1, bitorder="little").view(np.int32).copy())


def nearest(values, table):
    return (values[..., None] - table).abs().argmin(-1)


def pairs(codes, first_high=False):
    """Two codes of four bits a byte."""
    first, second = codes.flatten()[::2], codes.flatten()[1::2]
    return (first << 4 | second if first_high else second << 4 | first).to(torch.uint8)


def blocks(weight, rows, columns):
    """The largest magnitude of each block, and a function that spreads a value a block over the weight."""
    out, size = weight.shape
    padded = torch.nn.functional.pad(weight.abs(), (0, -size % columns, 0, -out % rows))
    most = padded.unflatten(1, (-1, columns)).unflatten(0, (-1, rows)).amax((1, 3))
    return most, lambda values: values.repeat_interleave(rows, 0).repeat_interleave(columns, 1)[:out, :size]


def fp8(weight, rows=128, columns=128):
    most, spread = blocks(weight, rows, columns)
    scale = most / 448
    codes = (weight / spread(scale)).to(torch.float8_e4m3fn)
    return {"weight": codes, "weight_scale_inv": scale}, codes.float() * spread(scale)


def ct_pack(weight, bits, group, symmetric, ordered=False):
    """Integers of some bits; with `ordered`, columns that lie apart share a group."""
    out, size = weight.shape
    order = torch.arange(size) // group
    if ordered:
        order = order[torch.randperm(size, generator=torch.Generator().manual_seed(1))]
    most = torch.stack([weight[:, order == g].abs().amax(1) for g in range(size // group)], 1)
    low, high = -2 ** (bits - 1), 2 ** (bits - 1) - 1
    scale = most / max(high, 1)
    zero = torch.zeros_like(scale)
    if not symmetric:
        zero = torch.randint(low // 2, high // 2 + 1, scale.shape, generator=torch.Generator().manual_seed(2)).float()
    codes = (weight / scale[:, order] + zero[:, order]).round().clamp(low, high)
    tensors = {"weight_packed": words(codes.int() - low, bits), "weight_scale": scale,
               "weight_shape": torch.tensor([out, size])}
    if not symmetric:
        tensors["weight_zero_point"] = words((zero.int() - low).T.contiguous(), bits).T.contiguous()
    if ordered:
        tensors["weight_g_idx"] = order.int()
    return tensors, (codes - zero[:, order]) * scale[:, order]


def ct_int8(weight):
    scale = weight.abs().amax(1, keepdim=True) / 127
    codes = (weight / scale).round()
    return {"weight": codes.to(torch.int8), "weight_scale": scale}, codes * scale


def ct_float8(weight):
    scale = weight.abs().amax().reshape(1) / 448
    codes = (weight / scale).to(torch.float8_e4m3fn)
    return {"weight": codes, "weight_scale": scale}, codes.float() * scale


def powers(weight, group):
    """The least power of two for each group in which no number exceeds 6."""
    most, spread = blocks(weight, 1, group)
    return torch.exp2(torch.log2(most / 6).ceil()), spread


def nvfp4(weight):
    scale, spread = powers(weight, 16)
    whole = torch.tensor([2.0 ** 6])
    stored = (scale * whole).to(torch.float8_e4m3fn)
    factor = spread(stored.float() / whole)
    codes = nearest(weight / factor, E2M1)
    return {"weight_packed": pairs(codes).reshape(len(weight), -1), "weight_scale": stored,
            "weight_global_scale": whole}, E2M1[codes] * factor


def mxfp4(weight):
    scale, spread = powers(weight, 32)
    codes = nearest(weight / spread(scale), E2M1)
    return {"weight_packed": pairs(codes).reshape(len(weight), -1),
            "weight_scale": (torch.log2(scale) + 127).to(torch.uint8)}, E2M1[codes] * spread(scale)


def bnb_four_bits(weight, kind, nested):
    table, block, nested_block = {"nf4": NF4, "fp4": FP4}[kind], 64, 256
    flat = weight.flatten()
    padded = torch.nn.functional.pad(flat, (0, -len(flat) % block)).reshape(-1, block)
    largest = padded.abs().amax(1)
    state = {"quant_type": kind, "blocksize": block, "dtype": "float32", "shape": list(weight.shape)}
    tensors = {}
    if nested:
        map8, offset = torch.linspace(-1, 1, 256), float(largest.mean())
        apart = torch.nn.functional.pad(largest - offset, (0, -len(largest) % nested_block)).reshape(-1, nested_block)
        scales = apart.abs().amax(1)
        codes8 = nearest(apart / scales[:, None], map8)
        largest = ((map8[codes8] * scales[:, None]).flatten() + np.float32(offset))[:len(largest)]
        tensors = {"weight.absmax": codes8.flatten()[:len(largest)].to(torch.uint8), "weight.nested_absmax": scales,
                   "weight.nested_quant_map": map8}
        state |= {"nested_blocksize": nested_block, "nested_dtype": "float32", "nested_offset": offset}
    else:
        tensors = {"weight.absmax": largest}
    codes = nearest(padded / largest[:, None], table)
    tensors |= {"weight": pairs(codes.flatten()[:len(flat)], first_high=True)[:, None], "weight.quant_map": table,
                f"weight.quant_state.bitsandbytes__{kind}":
                    torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)}
    return tensors, (table[codes] * largest[:, None]).flatten()[:len(flat)].reshape(weight.shape)


def bnb_int8(weight):
    largest = weight.abs().amax(1)
    codes = (weight * (127 / largest[:, None])).round()
    return {"weight": codes.to(torch.int8), "SCB": largest,
            "weight_format": torch.tensor(0, dtype=torch.uint8)}, codes * largest[:, None] / 127


def ct_options(**weights):
    return {"quant_method": "compressed-tensors", "quantization_status": "compressed",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}, "ignore": ["lm_head"]}


BNB4 = {"quant_method": "bitsandbytes", "load_in_4bit": True}
# By name: the function, and the quantization_config of config.json.
FORMATS = {
    "FP8 in blocks": (fp8, {"quant_method": "fp8", "weight_block_size": [128, 128]}),
    "FP8 in small blocks": (lambda w: fp8(w, 32, 64), {"quant_method": "fp8", "weight_block_size": [32, 64]}),
    "4 bits in groups": (lambda w: ct_pack(w, 4, 32, True), ct_options(num_bits=4, symmetric=True)),
    "4 bits with zeros": (lambda w: ct_pack(w, 4, 64, False), ct_options(num_bits=4, symmetric=False)),
    "3 bits a row": (lambda w: ct_pack(w, 3, w.shape[1], False), ct_options(num_bits=3, symmetric=False)),
    "8 bits in groups": (lambda w: ct_pack(w, 8, 32, False), ct_options(num_bits=8, symmetric=False)),
    "4 bits in another order": (lambda w: ct_pack(w, 4, 32, True, True), ct_options(num_bits=4, symmetric=True)),
    "int-quantized": (ct_int8, ct_options(num_bits=8, type="int")),
    "float-quantized": (ct_float8, ct_options(num_bits=8, type="float")),
    "NVFP4": (nvfp4, ct_options(num_bits=4, type="float", group_size=16)),
    "MXFP4": (mxfp4, ct_options(num_bits=4, type="float", group_size=32)),
    "NF4": (lambda w: bnb_four_bits(w, "nf4", False), BNB4),
    "NF4 nested": (lambda w: bnb_four_bits(w, "nf4", True), BNB4),
    "FP4 nested": (lambda w: bnb_four_bits(w, "fp4", True), BNB4),
    "LLM.int8": (bnb_int8, {"quant_method": "bitsandbytes", "load_in_8bit": True}),
}


def quantize(tensors, change):
    """A llama's tensors with the matrices of its layers stored by `change`, and with those as it stands for."""
    packed, dense = {}, {}
    for name, tensor in tensors.items():
        if not name.endswith("_proj.weight"):
            packed[name] = dense[name] = tensor
            continue
        stored, dense[name] = change(tensor.float())
        packed |= {name.removesuffix("weight") + end: value.contiguous().clone() for end, value in stored.items()}
    return packed, dense
