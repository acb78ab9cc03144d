"""Writes a Hugging Face folder's model as GGUF, as llama.cpp's converter lays it out."""

import gguf
import safetensors.torch
import torch

BLOCKS = gguf.GGMLQuantizationType


def write(folder, architecture, metadata, blocks=BLOCKS.Q8_0, reorder=lambda name, tensor: tensor):
    """folder/model.gguf of the folder's one file of weights: matrices in `blocks`, or in what that
    says of a name, vectors and biases in F32.
    `metadata`: what stands under "ARCHITECTURE.", or begins with "tokenizer."; `reorder` gives a tensor's rows their order."""
    number = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}[architecture]
    names = gguf.get_tensor_name_map(number, metadata["block_count"])
    out = gguf.GGUFWriter(folder / "model.gguf", architecture)
    out.add_name("tiny")
    for key, value in metadata.items():
        kind = next(kind for kind in (bool, float, int, str) if isinstance(value, kind))
        add = {bool: out.add_bool, float: out.add_float32, int: out.add_uint32,
               str: out.add_string}[kind]
        add(key if key.startswith("tokenizer.") else f"{architecture}.{key}", value)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    tokens = ["a", "b", "ab", *(f"token{i}" for i in range(3, metadata["vocab_size"]))]
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    out.add_token_merges(["a b"])
    for name, tensor in safetensors.torch.load_file(folder / "model.safetensors").items():
        data = reorder(name, tensor.to(torch.float32)).contiguous().numpy()
        own = blocks(name) if callable(blocks) else blocks
        kind = own if data.ndim > 1 and not name.endswith(".bias") else BLOCKS.F32
        theirs = [names.get_name(spelled, (".weight", ".bias"))
                  for spelled in (name, name.removeprefix("transformer."))]
        if not any(theirs) and name == "lm_head.weight":
            theirs = ["output.weight"]
        out.add_tensor(next(filter(None, theirs), name), gguf.quantize(data, kind), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
