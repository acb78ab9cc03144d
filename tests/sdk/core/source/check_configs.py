"""Compares FOLDER/NAME/config.json with what transformers makes of FOLDER/NAME.gguf; and the real
model, given as further pairs of folder and GGUF file."""
import json
import pathlib
import sys

from transformers import AutoConfig

ASKED = [
    "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "rms_norm_eps", "vocab_size", "max_position_embeddings",
    "bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings", "hidden_act",
    "attention_bias", "mlp_bias",
]


def compare(ours_folder, gguf, rope):
    ours = AutoConfig.from_pretrained(ours_folder)
    theirs = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
    for key in ASKED:
        assert getattr(ours, key) == getattr(theirs, key), (gguf, key, getattr(ours, key))
    assert ours.rope_parameters["rope_theta"] == theirs.rope_parameters["rope_theta"], gguf
    # transformers leaves the scaling of such a file out; what it must be is the file's own.
    wanted = rope or theirs.rope_parameters
    for key, value in wanted.items():
        assert ours.rope_parameters[key] == value, (gguf, key, ours.rope_parameters)


folder = pathlib.Path(sys.argv[1])
for name, case in json.loads((folder / "cases.json").read_text()).items():
    compare(folder / name, folder / f"{name}.gguf", case.get("rope"))
for ours, gguf in zip(sys.argv[2::2], sys.argv[3::2]):
    compare(ours, pathlib.Path(gguf), None)
