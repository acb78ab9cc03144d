"""Writes tiny GGUF models, and metadata alone, with what their rope scaling must become.

FOLDER/NAME.gguf for each, and FOLDER/cases.json: {NAME: {"rope": {...}} or {}}."""
import json
import pathlib
import sys

import numpy as np
from gguf import GGUFWriter, GGMLQuantizationType as Type
from gguf.quants import quantize

folder = pathlib.Path(sys.argv[1])
D, F, L, H, K, E, V = 64, 96, 2, 4, 2, 32, 96
FORMS = [Type.Q4_1, Type.Q8_0, Type.Q4_0, Type.F16, Type.BF16, Type.F32]
rng = np.random.default_rng(11)


def add(out, name, shape, form):
    data = rng.standard_normal(shape).astype(np.float32)
    if form == Type.F32:
        out.add_tensor(name, data)
    elif form == Type.F16:
        out.add_tensor(name, data.astype(np.float16))
    else:
        out.add_tensor(name, quantize(data, form), raw_dtype=form)


def weights(out, tied):
    add(out, "token_embd.weight", (V, D), Type.Q8_0)
    for layer in range(L):
        shapes = {
            "attn_q": (H * E, D), "attn_k": (K * E, D), "attn_v": (K * E, D), "attn_output": (D, H * E),
            "ffn_gate": (F, D), "ffn_up": (F, D), "ffn_down": (D, F),
        }
        for i, (name, shape) in enumerate(shapes.items()):
            add(out, f"blk.{layer}.{name}.weight", shape, FORMS[(i + 2 * layer) % len(FORMS)])
        add(out, f"blk.{layer}.attn_norm.weight", (D,), Type.F32)
        add(out, f"blk.{layer}.ffn_norm.weight", (D,), Type.F32)
    add(out, "output_norm.weight", (D,), Type.F32)
    if not tied:
        add(out, "output.weight", (V, D), Type.Q4_0)


def write(name, tied=False, drop=(), more=None, factors=None, tokens=True, theta=50000.0):
    out = GGUFWriter(folder / f"{name}.gguf", "llama")
    keys = {
        "add_context_length": 256, "add_block_count": L, "add_embedding_length": D,
        "add_feed_forward_length": F, "add_head_count": H, "add_head_count_kv": K,
        "add_rope_dimension_count": E, "add_layer_norm_rms_eps": 1e-5, "add_vocab_size": V,
    }
    for method, value in keys.items():
        if method not in drop:
            getattr(out, method)(value)
    if theta:
        out.add_rope_freq_base(theta)
    if tokens:
        out.add_tokenizer_model("gpt2")
        out.add_tokenizer_pre("smollm")
        out.add_token_list([f"t{i}" for i in range(V)])
        out.add_token_types([1] * V)
        out.add_token_merges(["t 0", "t 1"])
        out.add_bos_token_id(3)
        out.add_eos_token_id(4)
    for key, value in (more or {}).items():
        if isinstance(value, str):
            out.add_string(key, value)
        elif isinstance(value, bool):
            out.add_bool(key, value)
        elif isinstance(value, int):
            out.add_uint32(key, value)
        else:
            out.add_float32(key, value)
    if factors is not None:
        out.add_tensor("rope_freqs.weight", np.array(factors, dtype=np.float32))
    weights(out, tied)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


cases = {}


def case(name, rope=None, **options):
    write(name, **options)
    cases[name] = {"rope": rope} if rope else {}


case("plain")
case("tied", tied=True)
case("no_heads_kv", drop=("add_head_count_kv",), tied=True)
case("no_vocabulary_size", drop=("add_vocab_size",))
case("no_theta", theta=None)
case("no_tokens", tokens=False)
case("no_head_size", drop=("add_rope_dimension_count",))
case("key_length", more={"llama.attention.key_length": E, "llama.attention.value_length": E})
case("linear", {"rope_type": "linear", "factor": 4.0},
     more={"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0})
case("old_linear", {"rope_type": "linear", "factor": 2.0}, more={"llama.rope.scale_linear": 2.0})
case("none", {"rope_type": "default"}, more={"llama.rope.scaling.type": "none"})
case("yarn", {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
     more={"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4.0,
           "llama.rope.scaling.original_context_length": 64, "llama.rope.scaling.finetuned": True})
values = [float(np.float32(1 + i / 7)) for i in range(E // 2)]
case("factors", {"rope_type": "longrope", "short_factor": values, "long_factor": values,
                 "attention_factor": 1.0}, factors=values)
(folder / "cases.json").write_text(json.dumps(cases))
