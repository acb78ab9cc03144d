"""The cases of finetune_test.py: each family with all settings on and with all off, and each setting alone on a
llama and on a mixture.
"""

import dataclasses
import importlib

import transformers

from finetune_reference import Settings
from row import Row

# An element whose gradient is rounding alone must not move by whole steps, which would differ by processor: rates of 0
# to begin with let Adam's moments settle before they count, and its epsilon is above that rounding.
OFF = Settings(lr=1e-4, warmup=2, eps=1e-6)
ON = Settings(lr=1e-4, batch=1, accumulation=2, weight_decay=0.5, betas=(0.85, 0.98), clip=0.5, warmup=0.15,
              schedule="cosine", smoothing=0.1, packing=40)
ON_WORDS = ("--offload", "cpu", "--offload-optimizer", "cpu", "--activation-checkpointing", "on")

# Weights that are bfloat16 between the steps. At the rate of OFF most updates are below half of their spacing.
BF16 = ("--dtype", "bfloat16", "--storage-dtype", "bfloat16")

DROPOUTS = ("dropout", "attention_dropout", "activation_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop",
            "attn_pdrop", "residual_dropout")

# By name: the file of its row in rows/, and words of the row's name.
MODELS = {
    "llama": ("llama", "rope default, 6:6"),
    "llama, tied": ("llama", "rope default, older"),
    "opt": ("opt", "norms before, tied"),
    "opt, norms after": ("opt", "norms after, narrow"),
    "bloom": ("bloom", "8 heads, tied"),
    "bloom, untied": ("bloom", "3 heads, an own head"),
    "mixtral": ("mixtral", "8 experts, 2 of"),
    "mixtral, tied": ("mixtral", "5 experts, 3 of"),
    "qwen2": ("generic", "qwen2: biases"),
    "qwen2, tied": ("generic", "qwen2: windows"),
    "gemma3_text": ("generic", "gemma3_text: a cap"),
    "gemma3_text, ropes": ("generic", "gemma3_text: a rope"),
    "gpt2": ("generic", "gpt2: tied"),
    "gpt2, untied": ("generic", "gpt2: scaled"),
    "olmoe": ("generic_experts", "olmoe: 9"),
    "olmoe, one of 3": ("generic_experts", "olmoe: 3"),
    "qwen3": ("generic", "qwen3: heads"),
    "qwen3, biases": ("generic", "qwen3: biases"),
    "phi3": ("generic", "phi3: fused"),
    "seed_oss": ("generic_more", "seed_oss"),
    "qwen3_moe": ("generic_experts", "qwen3_moe: 16 experts, 4"),
    "qwen3_moe, a dense layer": ("generic_experts", "qwen3_moe: 7"),
    "gpt_oss": ("generic_routers", "gpt_oss: 9"),
    "gpt_oss, yarn": ("generic_routers", "gpt_oss: 6"),
}

# Elements whose gradient is zero in exact arithmetic, so that Adam makes a walk of the rounding: a bias of all
# keys alike changes no attention without a rope. By family: the end of the name, and the elements as an index
# into the tensor as `shape`.
ZERO = {
    "opt": ("self_attn.k_proj.bias", (-1,), slice(None)),
    "bloom": ("self_attention.query_key_value.bias", ("heads", 3, -1), (slice(None), 1)),
    "gpt2": ("attn.c_attn.bias", (3, -1), 1),
}


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    model: str
    settings: Settings = OFF
    words: tuple = ()  # options that change no arithmetic
    routers: bool = False  # whether the routers' loss counts, where there are any
    data: str = "texts"
    check: str = "plain"  # the method of Checked
    few: float = 0  # the part of a weight's elements that may be farther from the reference than the others


def row_of(name, routers):
    """The row, stored in float32 in one file and without dropout."""
    file, words = MODELS[name]
    row = next(one for one in importlib.import_module(f"rows.{file}").ROWS if words in one.name and not one.gguf)
    known = transformers.AutoConfig.for_model(**row.config)
    more = {key: 0.0 for key in DROPOUTS if hasattr(known, key)}
    if routers and hasattr(known, "output_router_logits"):
        more["output_router_logits"] = True
    return dataclasses.replace(row, config={**row.config, **more}, dtype="float32", shards=1)


def families():
    seen = {}
    for name in MODELS:
        seen.setdefault(name.partition(",")[0], []).append(name)
    for family, names in seen.items():
        yield Case(f"{family}: all off", names[0], OFF)
        words = ON_WORDS
        yield Case(f"{family}: all on", names[-1], ON, words, routers=True)


def one_by_one(model):
    def case(words, *more, **settings):
        keys = {key: settings.pop(key) for key in ("check", "data", "routers") if key in settings}
        return Case(f"{model}: {words}", model, dataclasses.replace(OFF, **settings), more, **keys)

    for tier in ("cpu", "pinned"):
        yield case(f"weights in {tier}", "--offload", tier)
        yield case(f"states in {tier}", "--offload-optimizer", tier)
    yield case("all in cpu", "--offload", "cpu", "--offload-optimizer", "cpu")
    yield case("weights in nvme", "--offload", "nvme", "--offload-optimizer", "cpu")
    yield case("states in nvme", "--offload", "cpu", "--offload-optimizer", "nvme")
    yield case("all in nvme", "--offload", "nvme", check="resume_each", steps=6, clip=0.3, weight_decay=0.5)
    yield case("all in nvme, no clipping", "--offload", "nvme", check="resume_each", steps=4, weight_decay=0.5)
    yield case("all in nvme, the least memory", "--offload", "nvme", batch=1, accumulation=2, check="least_memory")
    yield case("all in nvme, bfloat16", "--offload", "nvme", "--offload-optimizer", "nvme", "--dtype", "bfloat16",
               check="same_as_in_memory")
    yield case("the least memory", "--offload", "cpu", check="least_memory")
    yield case("the least memory, accumulation", check="least_memory", accumulation=2)
    yield case("states on the device", check="placements", clip=0.3, weight_decay=0.5)
    yield case("states on the device, bfloat16 gradients, accumulation", reduce="bfloat16", accumulation=3,
               check="placements")
    yield case("checkpointing", "--activation-checkpointing", "on")
    yield case("no checkpointing", "--offload", "cpu", check="same_as_reruns", accumulation=2)
    yield case("no checkpointing, the least memory", "--offload", "cpu", check="graphs_in_the_least_memory")
    yield case("accumulation", accumulation=3)
    yield case("clipping", clip=0.3, eps=1e-3)
    yield case("decay", weight_decay=0.5, betas=(0.8, 0.95))
    yield case("packing", packing=48)
    yield case("packing and accumulation", packing=48, batch=1, accumulation=2)
    yield case("label smoothing", smoothing=0.2)
    yield case("constant", schedule="constant", warmup=0, eps=1e-5)
    yield case("cosine", schedule="cosine", warmup=0.2)
    yield case("completions", data="completions")
    yield case("shuffle", batch=1, steps=40, check="shuffle", data="lengths")
    yield case("resume", check="resume", weight_decay=0.5)
    yield case("resume from each step", check="resume_each", steps=6, clip=0.3, weight_decay=0.5)
    yield case("bfloat16 gradients", reduce="bfloat16", clip=0.3)
    yield case("bfloat16 gradients, accumulation", reduce="bfloat16", accumulation=3)
    yield case("bfloat16 storage", *BF16, check="bfloat16_storage")
    yield case("bfloat16 storage, tiers", *BF16, check="bfloat16_tiers", accumulation=2, clip=0.3, steps=6)
    yield case("adafactor", optimizer="adafactor", clip=0.3, weight_decay=0.5, check="resume")


def cases():
    yield from families()
    yield from one_by_one("llama")
    yield from one_by_one("olmoe")
    # Rounding takes a moment that lies beside a border to another level.
    yield Case("llama: adamw8bit", "llama", dataclasses.replace(OFF, optimizer="adamw8bit", weight_decay=0.5),
               few=0.002, check="resume")
    for name in ("adamw8bit", "adafactor"):
        yield Case(f"llama: bfloat16 storage, {name}", "llama", dataclasses.replace(OFF, optimizer=name), BF16,
                   check="bfloat16_storage")
    for name in ("llama", "opt"):
        yield Case(f"{name}: no checkpointing, dropout", name, OFF, ("--dropout", 0.2), check="same_as_reruns")
    yield Case("gpt2: no checkpointing", "gpt2", OFF, check="graphs_in_the_least_memory")
    yield Case("llama: no checkpointing, bfloat16", "llama", OFF, ("--dtype", "bfloat16"),
               check="graphs_in_the_least_memory")
    yield Case("llama: float16", "llama", OFF, ("--dtype", "float16"), check="float16")
    yield Case("llama, tied: bfloat16 gradients", "llama, tied", dataclasses.replace(OFF, reduce="bfloat16"))
    yield Case("olmoe: routers, accumulation", "olmoe", dataclasses.replace(OFF, accumulation=2), routers=True)
