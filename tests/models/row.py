"""One tiny model of random weights that transformers makes, and what is checked of it.

A family brings its rows in rows/FAMILY.py, which is found by its name and gives

    ROWS = [Row("name", config={"model_type": ..., ...}, flipped="a.weight"), ...]

Each is compared with transformers by family_test.py and is one line of docs/tested-models.md.
"""

import collections.abc
import dataclasses
import pathlib

import torch
import transformers


def spread(name, weight):
    """Sets random values in place; those of queries and keys make attention selective, so that positions
    count."""
    if weight.dim() == 1 and name.endswith(".weight"):
        weight.uniform_(0.6, 1.4)
    else:
        choosing = any(part in name for part in ("q_proj", "k_proj", "query_key_value"))
        weight.normal_(std=0.35 if choosing else 0.25)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str  # the particular property of the row
    config: dict  # keys of transformers with the model_type; prompts have 48 and at most 50 tokens
    flipped: str  # the weight, as stored, in which a flipped bit must be detected
    # Other values of some keys, for which the same weights must give very different logits: this shows that
    # the row's property counts. Empty if no key expresses that property.
    counts: dict = dataclasses.field(default_factory=dict)
    dtype: str = "float32"  # as stored
    shards: int = 1
    seed: int = 0  # change it if two tokens are equally likely
    # Whether every tier holds and streams the model, or only the device and one tier in turn.
    every_tier: bool = False
    attention: tuple = ("eager", "sdpa")  # the backends that compute it, in turn
    reference: str = "eager"  # transformers' implementation of attention
    spread: collections.abc.Callable = spread
    # Changes the folder that transformers wrote into another one that transformers can read.
    edit: collections.abc.Callable[[pathlib.Path], None] | None = None
    # Writes FOLDER/model.gguf, which is run instead; `flipped` is then the file's name for the weight.
    gguf: collections.abc.Callable[[pathlib.Path], None] | None = None
    # The file has the numbers of the folder, which transformers reads if it cannot read the file.
    gguf_is_folder: bool = False

    @property
    def vocabulary(self):
        return self.config["vocab_size"]


def config_of(row, **other):
    return transformers.AutoConfig.for_model(**{**row.config, **other})


def make(row, folder):
    """Writes the model as a Hugging Face folder, and as GGUF where the row says how."""
    torch.manual_seed(row.seed)
    model = transformers.AutoModelForCausalLM.from_config(config_of(row), dtype=torch.float32)
    with torch.no_grad():
        stored = model.state_dict()
        buffers = [(name, weight) for name, weight in model.named_buffers() if name in stored]
        for name, weight in [*model.named_parameters(), *buffers]:
            row.spread(name, weight)
    model = model.to(getattr(torch, row.dtype))
    total = sum(weight.nbytes for weight in model.state_dict().values())
    model.save_pretrained(folder, max_shard_size=total if row.shards == 1 else
                          int(total / row.shards * 1.15))
    files = list(pathlib.Path(folder).glob("*.safetensors"))
    assert len(files) == row.shards, files
    for write in filter(None, (row.edit, row.gguf)):
        write(pathlib.Path(folder))
