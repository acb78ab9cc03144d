"""Training of transformers' own model by a plain PyTorch loop, in float32: what `strata finetune` is compared
with.

Each sequence is a forward pass of its own, so that neither padding nor packing can touch the result.
"""

import dataclasses
import sys

import torch
import transformers

import finetune_optimizers as optimizers


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings that change the arithmetic of a run."""
    optimizer: str = "adamw"
    reduce: str = "float32"  # the dtype of a micro-batch's gradients, which are summed in float32
    lr: float = 1e-3
    steps: int = 20
    batch: int = 2  # rows of a micro-batch
    accumulation: int = 1
    weight_decay: float = 0.0
    betas: tuple = (0.9, 0.999)
    eps: float = 1e-8
    clip: float = 0.0
    warmup: float = 0  # below 1 a part of all steps, else steps
    schedule: str = "linear"
    smoothing: float = 0.0
    packing: int = 0  # tokens of a row into which sequences are packed; 0: each is a row


def targets(one):
    """The id that each token of a sequence but the last predicts; -100 where it is not scored."""
    return torch.tensor([id if scored else -100 for id, scored in zip(one.ids[1:], one.scored[1:], strict=True)])


def packed(sequences, length):
    """Rows of at most `length` tokens, in order: a sequence that does not fit begins the next row."""
    rows, used = [], length
    for one in sequences:
        if used + len(one.ids) > length:
            rows.append([])
            used = 0
        rows[-1].append(one)
        used += len(one.ids)
    return rows


def steps_of(sequences, settings):
    """By step, by micro-batch: its sequences."""
    rows = packed(sequences, settings.packing) if settings.packing else [[one] for one in sequences]
    need = settings.steps * settings.accumulation * settings.batch
    assert len(rows) >= need, f"{len(rows)} rows of {need}"
    batches = [sum(rows[at:at + settings.batch], []) for at in range(0, need, settings.batch)]
    return [batches[at:at + settings.accumulation] for at in range(0, len(batches), settings.accumulation)]


def decays(name, parameter):
    """Whether weight decay applies: to matrices and tables, also those of experts that lie in one tensor."""
    return parameter.dim() > 1 and not name.endswith("bias")


class Loop:
    """One run. `margin` is the least distance of a chosen expert's score from the best one left out."""

    def __init__(self, model, settings):
        self.model, self.settings, self.margin = model.train(), settings, float("inf")
        named = {name: one for name, one in model.named_parameters() if one.requires_grad}
        groups = [{"params": [p for name, p in named.items() if decays(name, p) == wanted], "weight_decay": decay}
                  for wanted, decay in ((True, settings.weight_decay), (False, 0.0))]
        groups = [group for group in groups if group["params"]]
        self.optimizer = optimizers.make(settings.optimizer, model, groups, settings)
        warmup = settings.warmup
        if warmup < 1:
            warmup = -int(-warmup * settings.steps // 1)
        name = "constant_with_warmup" if settings.schedule == "constant" else settings.schedule
        self.schedule = transformers.get_scheduler(name, self.optimizer, int(warmup), settings.steps)
        self.parameters = list(named.values())
        self.mixture = hasattr(model.config, "output_router_logits")
        # By lookup: ids, and the gradient of the rows that were looked up.
        self.looked_up = []
        self.table = model.get_input_embeddings()
        self.table.register_forward_hook(self.keep_rows)
        self.routed = self.mixture and model.config.output_router_logits  # whether the routers' loss counts

    def keep_rows(self, table, inputs, rows):
        if rows.requires_grad:
            rows.register_hook(lambda gradient: self.looked_up.append((inputs[0].flatten(), gradient.flatten(0, -2))))

    def reduced(self, parameter):
        """The gradient of a micro-batch as it arrives at the sum. Each row of the table that was looked up has one
        of its own."""
        kind, rest, rows = getattr(torch, self.settings.reduce), parameter.grad, torch.zeros_like(parameter)
        if kind == parameter.dtype:
            return rest
        for ids, gradient in self.looked_up if parameter is self.table.weight else ():
            rest = rest.index_add(0, ids, gradient, alpha=-1)
            rows.index_add_(0, ids, gradient.to(kind).float())
        return rest.to(kind).float() + rows

    def forward(self, one):
        """The logits of one sequence, [S,V], and the scores of its routers by layer, [S,experts]."""
        more = {"output_router_logits": True} if self.mixture else {}
        out = self.model(input_ids=torch.tensor([one.ids]), use_cache=False, **more)
        scores = out.router_logits if self.mixture else ()
        return out.logits[0], [layer.reshape(len(one.ids), -1) for layer in scores]

    def loss(self, batch, total):
        """The share of a micro-batch in the step's loss."""
        answers = [self.forward(one) for one in batch]
        loss = sum(torch.nn.functional.cross_entropy(
            logits[:-1], targets(one), reduction="sum", label_smoothing=self.settings.smoothing)
            for one, (logits, _) in zip(batch, answers, strict=True) if one.count) / total
        if self.mixture:
            scores = tuple(torch.cat(layer) for layer in zip(*(scores for _, scores in answers), strict=True))
            self.note_margin(scores)
            if self.routed:
                loss = loss + self.routers(scores) / self.settings.accumulation
        return loss

    def routers(self, scores):
        model = self.model
        balance = sys.modules[type(model).__module__].load_balancing_loss_func
        return model.router_aux_loss_coef * balance(scores, model.num_experts, model.num_experts_per_tok)

    def note_margin(self, scores):
        chosen = self.model.num_experts_per_tok
        for layer in scores:
            best = layer.detach().topk(min(chosen + 1, layer.shape[-1])).values
            if best.shape[-1] > chosen:
                self.margin = min(self.margin, float((best[:, -2] - best[:, -1]).min()))

    def step(self, batches):
        """Trains one step; what the program says of it."""
        total = sum(one.count for batch in batches for one in batch)
        # Experts without a token keep a zero gradient: moments and decay apply.
        sums = [torch.zeros_like(parameter) for parameter in self.parameters]
        loss = 0.0
        for batch in batches:
            for parameter in self.parameters:
                parameter.grad = torch.zeros_like(parameter)
            self.looked_up.clear()
            part = self.loss(batch, total)
            part.backward()
            loss += part.item()
            for parameter, whole in zip(self.parameters, sums, strict=True):
                whole += self.reduced(parameter)
        for parameter, whole in zip(self.parameters, sums, strict=True):
            parameter.grad = whole
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip or float("inf")))
        rate = self.schedule.get_last_lr()[0]
        self.optimizer.step()
        self.schedule.step()
        return {"loss": loss, "lr": rate, "grad_norm": norm, "scored": total}


def load(folder, attention="eager"):
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=attention, experts_implementation="eager")


def train(folder, sequences, settings, attention="eager"):
    """The trained model, what is said of each step, and the margin of the routers."""
    loop = Loop(load(folder, attention), settings)
    steps = [loop.step(batches) for batches in steps_of(sequences, settings)]
    return loop.model.eval(), steps, loop.margin
