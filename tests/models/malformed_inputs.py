"""A small valid model in each format, and the changes to its bytes that make it malformed."""

import json
import pathlib
import shutil
import struct

import gguf
import numpy as np
import safetensors.numpy
import tokenizers

V, D, F, H, K, E = 64, 16, 32, 2, 1, 8

CONFIG = {
    "model_type": "llama", "vocab_size": V, "hidden_size": D, "intermediate_size": F,
    "num_hidden_layers": 1, "num_attention_heads": H, "num_key_value_heads": K,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu", "dtype": "float32",
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}

SHAPES = {
    "model.embed_tokens.weight": (V, D),
    "model.layers.0.input_layernorm.weight": (D,),
    "model.layers.0.self_attn.q_proj.weight": (H * E, D),
    "model.layers.0.self_attn.k_proj.weight": (K * E, D),
    "model.layers.0.self_attn.v_proj.weight": (K * E, D),
    "model.layers.0.self_attn.o_proj.weight": (D, H * E),
    "model.layers.0.post_attention_layernorm.weight": (D,),
    "model.layers.0.mlp.gate_proj.weight": (F, D),
    "model.layers.0.mlp.up_proj.weight": (F, D),
    "model.layers.0.mlp.down_proj.weight": (D, F),
    "model.norm.weight": (D,),
    "lm_head.weight": (V, D),
}

GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "model.layers.0.input_layernorm": "blk.0.attn_norm",
    "model.layers.0.self_attn.q_proj": "blk.0.attn_q",
    "model.layers.0.self_attn.k_proj": "blk.0.attn_k",
    "model.layers.0.self_attn.v_proj": "blk.0.attn_v",
    "model.layers.0.self_attn.o_proj": "blk.0.attn_output",
    "model.layers.0.post_attention_layernorm": "blk.0.ffn_norm",
    "model.layers.0.mlp.gate_proj": "blk.0.ffn_gate", "model.layers.0.mlp.up_proj": "blk.0.ffn_up",
    "model.layers.0.mlp.down_proj": "blk.0.ffn_down",
}


def weights():
    rng = np.random.default_rng(3)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def tokenizer():
    """A byte-level tokenizer without merges: one token for each of the first V bytes."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())[:V]
    model = tokenizers.models.BPE({letter: i for i, letter in enumerate(alphabet)}, [])
    out = tokenizers.Tokenizer(model)
    out.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    out.decoder = tokenizers.decoders.ByteLevel()
    return json.loads(out.to_str())


def write_folder(folder):
    folder = pathlib.Path(folder)
    folder.mkdir()
    safetensors.numpy.save_file(weights(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))


def write_sharded(folder):
    write_folder(folder)
    whole = safetensors.numpy.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(whole)
    parts = {"a.safetensors": names[:6], "b.safetensors": names[6:]}
    for file, part in parts.items():
        safetensors.numpy.save_file({name: whole[name] for name in part}, folder / file)
    index = {"metadata": {"total_size": sum(w.nbytes for w in whole.values())},
             "weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def write_gguf(file, drop=(), more=None, shapes=None, pre="smollm", architecture="llama"):
    """drop: tensors or metadata left out; more: tensors added; shapes: tensors of another shape."""
    out = gguf.GGUFWriter(file, architecture)
    numbers = {"context_length": 64, "embedding_length": D, "block_count": 1,
               "feed_forward_length": F, "attention.head_count": H, "attention.head_count_kv": K,
               "rope.dimension_count": E, "vocab_size": V}
    for key, value in numbers.items():
        if key not in drop:
            out.add_uint32(f"{architecture}.{key}", value)
    out.add_float32(f"{architecture}.attention.layer_norm_rms_epsilon", 1e-5)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(pre)
    out.add_token_list(sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())[:V])
    out.add_token_types([1] * V)
    out.add_token_merges([])
    tensors = {GGUF_NAMES[name.removesuffix(".weight")] + ".weight": value
               for name, value in weights().items()}
    tensors.update(more or {})
    for name, value in tensors.items():
        if name not in drop:
            shape = (shapes or {}).get(name)
            out.add_tensor(name, np.zeros(shape, np.float32) if shape else value)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def cut(file, bytes_left):
    data = file.read_bytes()
    file.write_bytes(data[:bytes_left if bytes_left >= 0 else len(data) + bytes_left])


def patch(file, at, data):
    whole = bytearray(file.read_bytes())
    whole[at:at + len(data)] = data
    file.write_bytes(whole)


def patch_after(file, mark, offset, data):
    """Writes `data` this many bytes after the end of the first `mark`."""
    whole = file.read_bytes()
    patch(file, whole.index(mark) + len(mark) + offset, data)


def edit_json(file, change):
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def replace_text(file, old, new):
    text = file.read_text()
    assert old in text, old
    file.write_text(text.replace(old, new, 1))


def edit_header(file, change):
    """Changes the JSON header of a safetensors file; its data stays as it is."""
    data = file.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    change(header)
    write_header(file, json.dumps(header).encode(), data[8 + length:])


def write_header(file, header, data=b""):
    file.write_bytes(struct.pack("<Q", len(header)) + header + data)


def edit_tensors(file, change):
    tensors = safetensors.numpy.load_file(file)
    change(tensors)
    safetensors.numpy.save_file(tensors, file)


def copy(source, target):
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
