"""The optimizers of a plain PyTorch loop, by the names that `strata finetune` gives them."""

import torch
import transformers

BLOCK = 256  # elements that share a scale
LEAST = 4096  # weights of fewer elements have float32 moments


def levels(signed):
    """The values of bitsandbytes' dynamic map, ascending: seven decades of equal parts, whose middles are
    levels, with 0 and 1."""
    found = [0.0, 1.0]
    for decade in range(7):
        bounds = torch.linspace(0.1, 1, 2**decade * (1 if signed else 2) + 1, dtype=torch.float64)
        middles = (bounds[:-1] + bounds[1:]) / 2 * 10.0**(decade - 6)
        found += middles.tolist() + ([-one for one in middles.tolist()] if signed else [])
    return torch.tensor(sorted(found))


class Packed:
    """A moment that is held as its nearest levels, with a scale for each block."""

    def __init__(self, like, signed):
        self.values, self.shape, self.signed = levels(signed), like.shape, signed
        self.borders = (self.values[1:] + self.values[:-1]) / 2
        self.put(torch.zeros_like(like))

    def get(self):
        return (self.values[self.codes] * self.scales).flatten()[:self.shape.numel()].view(self.shape)

    def put(self, moment):
        flat = torch.nn.functional.pad(moment.flatten(), (0, -moment.numel() % BLOCK)).view(-1, BLOCK)
        self.scales = flat.abs().amax(1, keepdim=True)
        inverse = torch.where(self.scales > 0, 1 / self.scales, 0)
        self.codes = torch.bucketize(flat * inverse, self.borders)
        if not self.signed:  # a moment above 0 never becomes 0
            self.codes = torch.where(flat > 0, self.codes.clamp(min=1), self.codes)


class AdamW8bit(torch.optim.AdamW):
    """AdamW, the moments of whose large weights are packed between the steps."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if "packed" in state:
                    state["exp_avg"], state["exp_avg_sq"] = (one.get() for one in state["packed"])
        packed = {weight: state.pop("packed") for weight, state in self.state.items() if "packed" in state}
        super().step()
        for weight, state in self.state.items():
            if weight.numel() >= LEAST:
                kept = packed.get(weight) or (Packed(weight, True), Packed(weight, False))
                for one, name in zip(kept, ("exp_avg", "exp_avg_sq"), strict=True):
                    one.put(state[name])
                state["packed"] = kept


def views_of(model):
    """By parameter: its tensors in a checkpoint, as indices into it. The matrices of experts lie in one parameter,
    gates and ups in one matrix."""
    out = {}
    for name, weight in model.named_parameters():
        if weight.dim() < 3:
            out[weight] = [...]
            continue
        half = weight.shape[1] // 2
        parts = [slice(0, half), slice(half, None)] if name.endswith("gate_up_proj") else [slice(None)]
        out[weight] = [(expert, part) for expert in range(weight.shape[0]) for part in parts]
    return out


class Adafactor(transformers.Adafactor):
    """transformers' Adafactor over the tensors of a checkpoint instead of the parameters."""

    def __init__(self, groups, views, lr):
        self.views = []
        for group in groups:
            whole, group["params"] = group["params"], []
            for weight in whole:
                for index in views[weight]:
                    group["params"].append(torch.nn.Parameter(weight.data[index]))
                    self.views.append((group["params"][-1], weight, index))
        super().__init__(groups, lr=lr, relative_step=False, scale_parameter=False)

    def step(self):
        for view, weight, index in self.views:
            view.grad = weight.grad[index]
        super().step()


def make(name, model, groups, settings):
    if name == "adafactor":
        return Adafactor(groups, views_of(model), settings.lr)
    kind = {"adamw": torch.optim.AdamW, "adamw8bit": AdamW8bit}[name]
    return kind(groups, lr=settings.lr, betas=settings.betas, eps=settings.eps)
