# Steps of PyTorch's optimizers and transformers' schedules: optim_cases.py OUT.json
import json
import sys

import torch
from transformers import (get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup,
                          get_linear_schedule_with_warmup)

torch.manual_seed(3)
COUNT, STEPS = 203, 4
ADAMS = [
    {"decoupled": True, "rate": 1e-2, "betas": [0.9, 0.999], "eps": 1e-8, "decay": 0.1, "factor": 1.0},
    {"decoupled": True, "rate": 3e-4, "betas": [0.8, 0.95], "eps": 1e-6, "decay": 0.0, "factor": 0.25},
    {"decoupled": False, "rate": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "decay": 0.05, "factor": 1.0},
    {"decoupled": False, "rate": 1e-2, "betas": [0.0, 0.9], "eps": 1e-5, "decay": 0.0, "factor": 2.0},
]


def adam(settings):
    weight = torch.nn.Parameter(torch.randn(COUNT))
    kind = torch.optim.AdamW if settings["decoupled"] else torch.optim.Adam
    optimizer = kind([weight], lr=settings["rate"], betas=settings["betas"], eps=settings["eps"],
                     weight_decay=settings["decay"])
    out = {**settings, "before": weight.tolist(), "gradients": [], "after": []}
    for step in range(STEPS):
        gradient = torch.randn(COUNT).bfloat16().float() * (step != 2)  # one step without a gradient
        out["gradients"].append(gradient.tolist())
        weight.grad = gradient * settings["factor"]
        optimizer.step()
        out["after"].append(weight.tolist())
    state = optimizer.state[weight]
    return {**out, "moment1": state["exp_avg"].tolist(), "moment2": state["exp_avg_sq"].tolist()}


def rates(make, *arguments):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.03)
    schedule, out = make(optimizer, *arguments), []
    for _ in range(15):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return out


def schedules():
    out = []
    for warm_up, steps in ((0, 12), (4, 12), (1, 1), (5, 3)):
        for curve, make in (("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)):
            out.append({"curve": curve, "warm_up": warm_up, "steps": steps, "rates": rates(make, warm_up, steps)})
        out.append({"curve": "constant", "warm_up": warm_up, "steps": steps,
                    "rates": rates(get_constant_schedule_with_warmup, warm_up)})
    return out


def clips():
    out = []
    for most in (0.5, 1.0, 1e3):
        weight = torch.nn.Parameter(torch.zeros(COUNT, dtype=torch.float64))
        weight.grad = torch.randn(COUNT).double()
        before = weight.grad.clone()
        norm = torch.nn.utils.clip_grad_norm_([weight], most)
        out.append({"most": most, "values": before.tolist(), "norm": norm.item(),
                    "factor": (weight.grad[0] / before[0]).item()})
    return out


def casts():
    bits = torch.randint(-2**31, 2**31, (4000,), dtype=torch.int64).int()
    bits[::2] = bits[::2] & -0x7c000001 | 0x34000000  # about the size of float16's subnormals
    values = bits.view(torch.float32)
    values = values[values.isfinite()]
    wide = values.double() * (1 + 2.0**-40)
    kinds = {"f16": torch.float16, "bf16": torch.bfloat16}
    return {"values": values.view(torch.int32).tolist(), "wide": wide.tolist(),
            "to": {name: values.to(kind).view(torch.int16).tolist() for name, kind in kinds.items()},
            "wide_to": {name: wide.to(kind).view(torch.int16).tolist() for name, kind in kinds.items()}}


with open(sys.argv[1], "w") as out:
    json.dump({"adam": [adam(settings) for settings in ADAMS], "schedules": schedules(), "clips": clips(),
               "casts": casts()}, out)
