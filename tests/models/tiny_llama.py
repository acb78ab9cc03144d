"""Tiny llamas with random weights, made and computed by transformers."""

import copy
import dataclasses
import json
import pathlib

import torch
import transformers

LAYERS, HIDDEN, WIDE, TRAINED = 3, 48, 96, 32

NEWER, OLDER = "rope_parameters", "rope_theta + rope_scaling"

# What each type of rope scaling is given; sequences grow past TRAINED positions.
ROPES = {
    "default": {"rope_theta": 500.0},
    "linear": {"rope_theta": 10000.0, "factor": 4.0},
    "dynamic": {"rope_theta": 10000.0, "factor": 8.0},
    "yarn": {"rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": TRAINED},
    "longrope": {"rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": TRAINED,
                 "short_factor": [1.0, 1.3, 1.7, 2.2], "long_factor": [1.5, 3.0, 5.0, 8.0]},
    "llama3": {"rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": TRAINED},
}


@dataclasses.dataclass(frozen=True)
class Tiny:
    """One configuration; the name of the folder and of the row that it has in the table."""

    rope: str
    spelling: str
    heads: int = 6
    kv_heads: int = 6
    head_dim: int = 8
    vocabulary: int = 256
    tied: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    dtype: str = "float32"
    shards: int = 1
    seed: int = 0

    @property
    def name(self):
        return f"{self.rope}, {'newer' if self.spelling == NEWER else 'older'}"

    def words(self):
        """What the row says of it, from left to right."""
        biases = [word for word, there in (("attention", self.attention_bias), ("mlp", self.mlp_bias))
                  if there]
        explicit = self.head_dim * self.heads != HIDDEN
        return [self.rope, self.spelling, f"{self.heads}:{self.kv_heads}",
                f"{self.head_dim}{' explicit' if explicit else ''}", str(self.vocabulary),
                "yes" if self.tied else "no", " + ".join(biases) or "none", self.dtype,
                str(self.shards)]


def rope_of(tiny):
    rope = {"rope_type": tiny.rope, **ROPES[tiny.rope]}
    for key in ("short_factor", "long_factor"):
        if key in rope:
            rope[key] = [rope[key][pair % 4] for pair in range(tiny.head_dim // 2)]
    return rope


def make(tiny, folder):
    """Writes the model as a Hugging Face folder; its configuration in the spelling asked for."""
    torch.manual_seed(tiny.seed)
    config = transformers.LlamaConfig(
        vocab_size=tiny.vocabulary, hidden_size=HIDDEN, intermediate_size=WIDE,
        num_hidden_layers=LAYERS, num_attention_heads=tiny.heads,
        num_key_value_heads=tiny.kv_heads, head_dim=tiny.head_dim, tie_word_embeddings=tiny.tied,
        attention_bias=tiny.attention_bias, mlp_bias=tiny.mlp_bias, rope_parameters=rope_of(tiny),
        max_position_embeddings=TRAINED, rms_norm_eps=1e-5)
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1 and name.endswith("norm.weight"):
                weight.uniform_(0.6, 1.4)
            else:
                # Queries and keys that make attention choose, so that positions count.
                weight.normal_(std=0.35 if "q_proj" in name or "k_proj" in name else 0.25)
    model = model.to(getattr(torch, tiny.dtype))
    total = sum(weight.nbytes for weight in model.state_dict().values())
    model.save_pretrained(folder, max_shard_size=total if tiny.shards == 1 else
                          int(total / tiny.shards * 1.15))
    files = list(pathlib.Path(folder).glob("*.safetensors"))
    assert len(files) == tiny.shards, files
    if tiny.spelling == OLDER:
        spell_older(pathlib.Path(folder, "config.json"))


def spell_older(file):
    config = json.loads(file.read_text())
    rope = config.pop("rope_parameters")
    config["torch_dtype"] = config.pop("dtype")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    if rope["rope_type"] == "linear":
        rope["type"] = rope.pop("rope_type")
    file.write_text(json.dumps(config, indent=2))


class Reference:
    """What transformers computes from a folder in float32. dynamic scaling keeps what it has seen
    between calls, so that each answer comes from a model of its own."""

    def __init__(self, folder):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.model.generation_config.eos_token_id = None

    def logits(self, ids):
        """[S,V]"""
        with torch.no_grad():
            return copy.deepcopy(self.model)(torch.tensor([ids])).logits[0].numpy()

    def greedy(self, ids, count):
        """The tokens, and for each how far the best logit is above the next, in the largest one."""
        prompt = torch.tensor([ids])
        out = copy.deepcopy(self.model).generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=count,
            output_logits=True, return_dict_in_generate=True, pad_token_id=0)
        margins = []
        for logits in out.logits:
            best = logits[0].topk(2).values
            margins.append(float((best[0] - best[1]) / logits.abs().max()))
        return out.sequences[0, len(ids):].tolist(), margins

    def without_scaling(self):
        """The same weights under plain rotary positions; where those are plain, of another base."""
        config = copy.deepcopy(self.model.config)
        rope = config.rope_parameters
        plain = rope["rope_type"] == "default"
        config.rope_parameters = {"rope_type": "default",
                                  "rope_theta": 10000.0 if plain else rope["rope_theta"]}
        other = copy.copy(self)
        other.model = transformers.LlamaForCausalLM(config).eval()
        other.model.load_state_dict(self.model.state_dict())
        return other
