"""Models with drawn weights, and rows of text that are so many tokens long."""
import json
import random

EOS = 2
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BLOCK = 18  # bytes of 32 weights in Q4_0: a scale in float16, then 4 bits each


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
    """The same for the tokenizer of write_q4_0."""
    draw = random.Random(3)
    write_texts(file, ("".join(draw.choice(LETTERS[2:]) for _ in range(tokens - 1)) for _ in range(rows)))


def write_texts(file, texts):
    with open(file, "w", encoding="utf-8") as out:
        for text in texts:
            out.write(json.dumps({"text": text}) + "\n")


def write_q4_0(file, config):
    """A llama in GGUF: matrices in Q4_0 of random codes, norms of ones, and a tokenizer of single letters."""
    import gguf
    import numpy as np

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
    packed = gguf.GGMLQuantizationType.Q4_0
    for name, shape in tensors.items():
        if len(shape) == 2:
            out.add_tensor_info(f"{name}.weight", (shape[0], shape[1] // 32 * BLOCK), np.dtype(np.uint8),
                                shape[0] * shape[1] // 32 * BLOCK, raw_dtype=packed)
        else:
            out.add_tensor_info(f"{name}.weight", shape, np.dtype(np.float32), 4 * shape[0])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_ti_data_to_file()
    largest = max(shape[0] * shape[1] for shape in tensors.values() if len(shape) == 2)
    codes = np.random.default_rng(1).integers(0, 256, (largest // 32, BLOCK), dtype=np.uint8)
    # Codes have a standard deviation of 4.6 steps: a product of random numbers keeps about their size.
    step = 0.21 / hidden**0.5
    codes[:, :2] = np.frombuffer(np.float16(step).tobytes(), dtype=np.uint8)
    for shape in tensors.values():
        out.write_tensor_data(codes[:shape[0] * shape[1] // 32] if len(shape) == 2 else
                              np.ones(shape, dtype=np.float32))
    out.close()
