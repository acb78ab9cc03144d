"""The cases of finetune_ranks_test.py. `accumulation` counts the micro-batches of all ranks together."""

import dataclasses

import finetune_cases as table
from finetune_reference import Settings
from finetune_test import LOSS, NOISY_LOSS, NORM, WEIGHT

STEP = Settings(lr=1e-4, warmup=2, batch=1, accumulation=4)
SHORT = dataclasses.replace(STEP, steps=8)
# By name: how many rows these files have, and the epochs of a run. With 2 rows in a micro-batch and 4 micro-batches in
# a step, an epoch of the first ends with a step of one micro-batch, and the ranks 2 and 3 never have a row of the
# second.
FEW = {"short": (17, 3), "fewest": (3, 12)}


@dataclasses.dataclass(frozen=True)
class Case(table.Case):
    """`loss` and `norm` are relative. Weights are `weight` apart at most, but for the part `few` of a tensor's
    elements, which are less than `far` rates apart."""
    check: str = "alike"
    loss: float = LOSS
    norm: float = NORM
    weight: float = WEIGHT
    far: float = 1


def losses():
    for name in ("llama", "opt", "mixtral"):
        yield Case(f"{name}: losses", name, STEP, check="losses", routers=True)
    for name in ("llama", "mixtral"):
        for kind, steps in (("short", 9), ("fewest", 12)):
            settings = dataclasses.replace(STEP, batch=2, steps=steps)
            yield Case(f"{name}: epochs, {kind}", name, settings, check="epochs", routers=True, data=kind, few=1e-4)


def one_by_one(model):
    def case(words, *more, data="texts", check="alike", settings=SHORT, few=0, loss=LOSS, norm=NORM, weight=WEIGHT,
             far=1, **changes):
        return Case(f"{model}: {words}", model, dataclasses.replace(settings, **changes), more, data=data, check=check,
                    few=few, loss=loss, norm=norm, weight=weight, far=far)

    # Rounding to 16 bits, or of moments to 8, may take one run's number to a neighbor of the other's.
    narrow = {"loss": 1e-2, "norm": 5e-2, "few": 1, "far": 2 * SHORT.steps}
    yield case("clipping", clip=0.3, weight_decay=0.5)
    yield case("a limit that clips nothing", clip=1e6)
    yield case("one micro-batch", accumulation=2)
    yield case("packing", packing=48)
    yield case("completions, label smoothing", data="completions", smoothing=0.2, steps=6)
    yield case("an order for each epoch", "--shuffle", "on")
    yield case("dropout", "--dropout", 0.2)
    yield case("bfloat16 gradients", reduce="bfloat16", accumulation=2, **narrow)
    yield case("bfloat16", "--dtype", "bfloat16", **narrow)
    yield case("float16", "--dtype", "float16", "--set", "train.loss_scale=1024", **narrow)
    yield case("bfloat16 storage", *table.BF16, loss=NOISY_LOSS, norm=0.2, weight=2**-5)
    yield case("adamw8bit", optimizer="adamw8bit", few=0.01)
    yield case("adafactor", optimizer="adafactor", clip=0.3)
    yield case("states on the device", "--offload-optimizer", "device", clip=0.3)
    yield case("adapters", "--lora", 4, lr=1e-3, eps=1e-6)
    yield case("no checkpointing", "--activation-checkpointing", "off")
    yield case("weights in nvme", "--offload", "nvme", "--offload-optimizer", "cpu")
    yield case("states in nvme", "--offload", "cpu", "--offload-optimizer", "nvme")
    yield case("all in nvme", "--offload", "nvme", "--offload-optimizer", "nvme", clip=0.3)
    yield case("the least memory", check="least_memory")
    yield case("all in nvme, the least memory", "--offload", "nvme", check="least_memory", accumulation=2)
    yield case("validation", "--validation", "short", "--validate-every", 3)
    yield case("a reward model", "--critic", "--validation", "pairs", data="pairs")
    yield case("the same bits", check="twice", clip=0.3)


def checkpoints(model):
    settings = dataclasses.replace(STEP, steps=12, weight_decay=0.5, clip=0.3)
    yield Case(f"{model}: resume", model, settings, check="resume")
    yield Case(f"{model}: resume, bfloat16 storage", model, settings, table.BF16, check="resume", loss=NOISY_LOSS,
               norm=0.2, weight=2**-5)
    yield Case(f"{model}: resume, adamw8bit", model, dataclasses.replace(settings, optimizer="adamw8bit"), few=0.01,
               check="resume")
    yield Case(f"{model}: resume, adapters", model, settings, ("--lora", 4), check="resume")
    yield Case(f"{model}: resume, states in nvme", model, settings, ("--offload-optimizer", "nvme"), check="resume")


def groups_of_one(model):
    settings = dataclasses.replace(STEP, steps=4)

    def case(words, *more, **changes):
        return Case(f"{model}: a group of one, {words}", model, dataclasses.replace(settings, **changes), more,
                    check="group_of_one", routers=True)

    yield case("clipping", clip=0.3, weight_decay=0.5)
    yield case("early updates", "--validation", "short", "--validate-every", 2)
    yield case("bfloat16", *table.BF16, reduce="bfloat16", clip=0.3)
    yield case("adamw8bit", optimizer="adamw8bit", clip=0.3)
    yield case("states on the device", "--offload-optimizer", "device", clip=0.3)
    yield case("adapters", "--lora", 4, clip=0.3)
    yield case("all in nvme", "--offload", "nvme", "--offload-optimizer", "nvme", clip=0.3)


# Ranks do these otherwise where layers have experts.
OF_MIXTURES = ("clipping", "one micro-batch", "bfloat16", "bfloat16 storage", "states on the device", "adapters",
               "no checkpointing", "all in nvme", "the least memory", "validation", "resume")


def cases():
    yield from losses()
    yield from one_by_one("llama")
    yield from checkpoints("llama")
    for one in (*one_by_one("olmoe"), *checkpoints("olmoe")):
        if one.name.removeprefix("olmoe: ") in OF_MIXTURES:
            yield one
    for model in ("llama", "llama, tied", "olmoe"):
        yield from groups_of_one(model)
    yield Case("llama, tied: losses", "llama, tied", STEP, check="losses")
    for clip in (0, 0.3):
        yield Case(f"llama: a row that is no number, clip {clip}", "llama", dataclasses.replace(SHORT, clip=clip),
                   check="poisoned")
    yield Case("llama: launchers", "llama", SHORT, check="launchers")
    yield Case("llama: memory", "llama", dataclasses.replace(SHORT, steps=2), check="memory")
