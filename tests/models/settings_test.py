"""Each key of each configuration class taken away, null, and as the class has it: what transformers
makes of such a config.json and what the program makes of it.

Usage: settings_test.py PROGRAM FOLDER [MODEL_TYPE...]
The models are those of rows/, one of each model_type.
"""

import dataclasses
import hashlib
import importlib
import json
import pathlib
import re
import sys
import tempfile

import numpy as np
import safetensors.numpy
import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from program import TOLERANCE, Many
from settings_differences import NAMED, UNREAD

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import workers  # noqa: E402

IDS = np.random.default_rng(3).integers(3, 60, 24).tolist()
FAMILIES = ("llama", "mixtral", "bloom", "opt", "generic", "generic_more", "generic_experts",
            "generic_latent", "generic_routers", "generic_later")
LARGE = 1_500_000  # elements; a larger model is not a variation of the tiny one
# These keys do not affect the computation.
BESIDE = {field.name for field in dataclasses.fields(transformers.PreTrainedConfig)} | {
    "bos_token_id", "eos_token_id", "pad_token_id", "use_cache", "initializer_range", *UNREAD}
ALPHA = {"type": "dynamic", "factor": 1.0, "mscale": 1.0, "beta_fast": 32, "alpha": 1000.0}
# Single model_types, as published files have them.
OWN = {
    "gemma": {"gelu, which is its tanh form": {"hidden_act": "gelu"}},
    "mimo_v2_flash": {"the other count of a window": {"sliding_window_size": 9}},
    "hunyuan_v1_dense": {"alpha": {"rope_scaling": ALPHA},
                         "no alpha": {"rope_scaling": ALPHA | {"alpha": 0.0}}},
    "hunyuan_v1_moe": {"alpha": {"rope_scaling": ALPHA, "rope_theta": 500.0}},
    "mistral": {"windows in some layers": {
        "sliding_window": 9, "num_hidden_layers": 2, "head_dim": 8,
        "layer_types": ["full_attention", "sliding_attention"]}},
    "phi3": {name: {"original_max_position_embeddings": 8, "rope_scaling": {
        "type": name, "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [2.0, 3.0, 4.0, 5.0]}}
        for name in ("su", "yarn", "longrope")},
    "sarvam_mla": {"deepseek_yarn": {"rope_scaling": {
        "type": "deepseek_yarn", "factor": 4, "original_max_position_embeddings": 8,
        "mscale": 1.0, "mscale_all_dim": 1.0}}},
    "stablelm": {"norms by head": {"qk_layernorm": True},
                 "norms by head, biases": {"qk_layernorm": True, "use_qkv_bias": True}},
    "qwen2": {"unused keys": {"rope_scaling": {"type": "default", "mrope_section": [2, 1, 1]}}},
    "llama": {"unused keys": {"rope_scaling": {
        "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "finetuned": True,
        "attn_factor": 0.9}}},
}
OLD_KEYS = ("rope_theta", "rope_scaling", "partial_rotary_factor")


def configurations():
    """{model_type: the configuration of its first row}"""
    out = {}
    for family in FAMILIES:
        for row in importlib.import_module(f"rows.{family}").ROWS:
            if not row.gguf and not row.edit:
                out.setdefault(row.config["model_type"], row)
    return out


def default_of(field):
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def plain(value):
    return value if isinstance(value, (bool, int, float, str, list, dict, type(None))) else str(value)


def cases(kind, config):
    """Pairs for one model: the change, and the config.json with it."""
    cls = CONFIG_MAPPING[kind]
    fields = [field for field in dataclasses.fields(cls) if field.name not in BESIDE]
    yield "as it is", config
    saved = {key: plain(value) for key, value in cls(**config_keys(config)).to_dict().items()}
    saved = {key: value for key, value in saved.items() if value is not None} | {"model_type": kind}
    yield "saved", saved
    for field in fields:
        if field.name in saved:
            yield f"{field.name} taken away", {k: v for k, v in saved.items() if k != field.name}
        yield f"{field.name} null", config | {field.name: None}
        default = default_of(field)
        if default is not None:
            yield f"{field.name} default", config | {field.name: plain(default)}
    if "rope_parameters" in {field.name for field in fields}:
        for key in OLD_KEYS:
            yield f"{key} null", config | {key: None}
        yield "rope_theta beside", config | {"rope_theta": 300.0}
        yield "rope_scaling beside", config | {"rope_scaling": {"type": "linear", "factor": 3.0}}
        yield "partial_rotary_factor beside", config | {"partial_rotary_factor": 0.5}
    for words, keys in OWN.get(kind, {}).items():
        yield words, config | keys
    for name, key in cls.attribute_map.items():
        if key in config and name not in config:
            yield f"{key} as {name}", {k: v for k, v in config.items() if k != key} | {
                name: config[key]}


def config_keys(config):
    return json.loads(json.dumps({k: v for k, v in config.items() if k != "model_type"}))


class Models:
    """Models that transformers makes from configurations; equal configurations are made once."""

    def __init__(self, folder, spread):
        self.folder, self.made, self.spread = folder, {}, spread

    def answer(self, file):
        """The logits and the folder of the weights, or the reason why there are none."""
        try:
            config = transformers.AutoConfig.from_pretrained(file.parent)
            same = json.dumps(config.to_dict(), sort_keys=True, default=str)
        except Exception as refusal:
            return None, f"{type(refusal).__name__}: {refusal}"
        if same not in self.made:
            self.made[same] = self.make(config, hashlib.sha1(same.encode()).hexdigest())
        return self.made[same]

    def make(self, config, name):
        try:
            with torch.device("meta"):
                empty = transformers.AutoModelForCausalLM.from_config(config)
            if sum(one.numel() for one in empty.parameters()) > LARGE:
                return None, "large"
            torch.manual_seed(0)
            model = transformers.AutoModelForCausalLM.from_config(
                config, dtype=torch.float32, attn_implementation="eager").eval()
            with torch.no_grad():
                stored = model.state_dict()
                for key, weight in [*model.named_parameters(), *(
                        one for one in model.named_buffers() if one[0] in stored)]:
                    self.spread(key, weight)
                logits = model(torch.tensor([IDS])).logits[0].numpy()
            model.save_pretrained(self.folder / name)
            return logits, self.folder / name
        except Exception as refusal:
            return None, f"{type(refusal).__name__}: {refusal}"


def place(folder, weights):
    for file in folder.glob("model*"):
        file.unlink()
    for file in weights.glob("*.safetensors*"):
        (folder / file.name).hardlink_to(file)


def compared(many, folder, wanted, weights):
    """The difference; '' if the program gives the same result."""
    out = folder / "logits.safetensors"
    status, words, _ = many.answer("logits", "--model", folder, "--input-ids", ",".join(map(str, IDS)),
                             "--output", out, "--device", "cpu", "--threads", 1, "--dtype",
                             "float32")
    words = words.replace(str(folder), "")
    if wanted is None:
        return "" if status else f"it runs, transformers does not: {weights}"
    if status:
        return f"refused: {words}"
    got = safetensors.numpy.load_file(out)["logits"]
    far = float(np.abs(got - wanted).max() / np.abs(wanted).max()) if got.shape == wanted.shape \
        else float("inf")
    return "" if far <= TOLERANCE else f"the logits are {far:.1e} off"


def compare_kind(many, kind):
    """How many configurations of the model_type were compared, and {case: difference}."""
    row, count, differences = configurations()[kind], 0, {}
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as parent:
        models = Models(pathlib.Path(parent), row.spread)
        folder = pathlib.Path(parent, "model")
        folder.mkdir()
        for words, config in cases(kind, row.config):
            (folder / "config.json").write_text(json.dumps(config))
            wanted, weights = models.answer(folder / "config.json")
            if words == "as it is":
                own = weights
            place(folder, own if wanted is None else weights)
            difference = compared(many, folder, wanted, weights)
            count += 1
            if difference:
                differences[f"{kind}: {words}"] = difference
    return count, differences


def work(kinds):
    many = Many(sys.argv[1])
    made = [compare_kind(many, kind) for kind in kinds]
    many.close()
    return made


def main():
    workers.load_transformers()
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    kinds = sys.argv[3:] or list(configurations())
    count, differences = 0, {}
    for made in workers.results(kinds, work):
        count += sum(one for one, _ in made)
        differences |= {case: why for _, found in made for case, why in found.items()}
    matching = lambda case: [one for one, _ in NAMED if re.fullmatch(one, case)]
    unnamed = {case: why for case, why in differences.items() if not matching(case)}
    used = {one for case in differences for one in matching(case)}
    gone = [one for one, _ in NAMED if one not in used] if not sys.argv[3:] else []
    for case, why in unnamed.items():
        print(f"{case}: {why}".replace("\n", " ")[:220])
    for one in gone:
        print(f"{one}: is named, and nothing differs so")
    print(f"{count} configurations, {len(differences)} differ, {len(unnamed)} of them unnamed")
    return 1 if unnamed or gone or count < 3000 and not sys.argv[3:] else 0


if __name__ == "__main__":
    sys.exit(main())
