"""Models with drawn weights, and rows of text that are so many tokens long."""
import json
import random

EOS = 2
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Each kind's elements and bytes of a block, and the standard deviation of its random codes, in steps. A block of Q4_0
# or Q8_0 begins with its step in float16; "BF16" has numbers instead of codes.
KINDS = {"Q4_0": (32, 18, 4.6), "Q8_0": (32, 34, 74), "BF16": (1, 2, None)}


def write_tokenizer(folder, vocabulary):
    """A tokenizer whose words w3, w4, ... are the tokens."""
    words = {f"w{at}": at for at in range(vocabulary)}
    words["</s>"] = words.pop(f"w{EOS}")
    end = {"id": EOS, "content": "</s>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
           "special": True}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "w0"}}))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"}))


def write_rows(file, rows, tokens, vocabulary):
    """Rows of exactly so many tokens of that tokenizer, the last of which ends the text."""
    draw = random.Random(3)
    write_texts(file, (" ".join(f"w{draw.randrange(3, vocabulary)}" for _ in range(tokens - 1)) for _ in range(rows)))


def write_letters(file, rows, tokens):
    """The same for the tokenizer of write_gguf."""
    draw = random.Random(3)
    write_texts(file, ("".join(draw.choice(LETTERS[2:]) for _ in range(tokens - 1)) for _ in range(rows)))


def write_texts(file, texts):
    with open(file, "w", encoding="utf-8") as out:
        for text in texts:
            out.write(json.dumps({"text": text}) + "\n")


def draw_blocks(kind, count, deviation):
    """Blocks of random weights with about this standard deviation, as bytes in [count, bytes of a block]."""
    import numpy as np

    elements, size, steps = KINDS[kind]
    draw = np.random.default_rng(1)
    if steps is None:
        weights = draw.standard_normal((count, elements), dtype=np.float32) * np.float32(deviation)
        return (weights.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    blocks = draw.integers(0, 256, (count, size), dtype=np.uint8)
    blocks[:, :2] = np.frombuffer(np.float16(deviation / steps).tobytes(), dtype=np.uint8)
    return blocks


def write_gguf(file, config, kind="Q4_0"):
    """A llama in GGUF: random matrices of a kind in KINDS, norms of ones, and a tokenizer of single letters."""
    import gguf
    import numpy as np

    elements, size, _ = KINDS[kind]
    hidden, wide, vocabulary = (config[key] for key in ("hidden_size", "intermediate_size", "vocab_size"))
    heads, keys = config["num_attention_heads"], config["num_key_value_heads"]
    out = gguf.GGUFWriter(file, "llama")
    tokens = [*LETTERS, "ab", *(f"token{at}" for at in range(len(LETTERS) + 1, vocabulary))]
    for add, value in (("context_length", config["max_position_embeddings"]),
                       ("block_count", config["num_hidden_layers"]), ("embedding_length", hidden),
                       ("feed_forward_length", wide), ("head_count", heads), ("head_count_kv", keys),
                       ("rope_dimension_count", hidden // heads), ("layer_norm_rms_eps", 1e-5),
                       ("vocab_size", vocabulary), ("tokenizer_model", "gpt2"), ("tokenizer_pre", "smollm"),
                       ("token_list", tokens), ("token_types", [gguf.TokenType.NORMAL] * vocabulary),
                       ("token_merges", ["a b"]), ("eos_token_id", vocabulary - 1)):
        getattr(out, f"add_{add}")(value)
    matrices = {"attn_q": (hidden, hidden), "attn_k": (hidden // heads * keys, hidden),
                "attn_v": (hidden // heads * keys, hidden), "attn_output": (hidden, hidden),
                "ffn_gate": (wide, hidden), "ffn_up": (wide, hidden), "ffn_down": (hidden, wide)}
    tensors = {"token_embd": (vocabulary, hidden)}
    for layer in range(config["num_hidden_layers"]):
        tensors |= {f"blk.{layer}.{name}": (hidden,) for name in ("attn_norm", "ffn_norm")}
        tensors |= {f"blk.{layer}.{name}": shape for name, shape in matrices.items()}
    tensors |= {"output_norm": (hidden,), "output": (vocabulary, hidden)}
    for name, shape in tensors.items():
        if len(shape) == 2:
            out.add_tensor_info(f"{name}.weight", (shape[0], shape[1] // elements * size), np.dtype(np.uint8),
                                shape[0] * shape[1] // elements * size, raw_dtype=gguf.GGMLQuantizationType[kind])
        else:
            out.add_tensor_info(f"{name}.weight", shape, np.dtype(np.float32), 4 * shape[0])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_ti_data_to_file()
    largest = max(shape[0] * shape[1] for shape in tensors.values() if len(shape) == 2)
    # With this deviation a product of random numbers keeps about their size.
    blocks = draw_blocks(kind, largest // elements, 0.97 / hidden**0.5)
    for shape in tensors.values():
        out.write_tensor_data(blocks[:shape[0] * shape[1] // elements] if len(shape) == 2 else
                              np.ones(shape, dtype=np.float32))
    out.close()
