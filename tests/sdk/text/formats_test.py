"""Formats that are no tokenizer.json give the ids of the tokenizers that transformers makes of them.

Usage: formats_test.py DRIVER, with the program of tokenize_driver.cpp.
"""
import base64
import io
import json
import os
import sys
import tempfile

import sentencepiece
from transformers import (CodeGenTokenizer, CohereTokenizer, GemmaTokenizer, GPT2Tokenizer,
                          GPTNeoXTokenizer, LlamaTokenizer, OpenAIGPTTokenizer, Qwen2Tokenizer)
from transformers.convert_slow_tokenizer import TikTokenConverter
from transformers.tokenization_utils_tokenizers import TokenizersBackend
from transformers.integrations.gguf import convert_gguf_tokenizer
from transformers.tokenization_utils_base import generate_merges

import sentencepiece_fields
from tokenizers_test import compare, samples, trained

CONFIG = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True}


def write(folder, **files):
    for name, text in files.items():
        with open(os.path.join(folder, name.replace("__", ".")), "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))


def vocab_and_merges(folder, tokenizer, config):
    """The vocabulary of a byte-level style as the two files."""
    model = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    write(folder, vocab__json=model["vocab"], merges__txt="\n".join(lines) + "\n",
          tokenizer_config__json=config)
    return model["vocab"], merges


def gpt2(folder):
    added = {"5": {"content": "\"", "lstrip": True, "special": False},
             "1500": {"content": "<tool>", "rstrip": True, "special": True}}
    config = {"tokenizer_class": "GPT2TokenizerFast", "bos_token": "<|begin|>",
              "eos_token": "<|end|>", "unk_token": "<unk>",
              "pad_token": "<pad>", "add_bos_token": True, "added_tokens_decoder": added}
    vocab_and_merges(folder, trained("gpt-2"), config)
    return GPT2Tokenizer.from_pretrained(folder)


def qwen2(folder):
    config = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|end|>", "pad_token": "<|end|>",
              "unk_token": None, "bos_token": None, "additional_special_tokens": ["<|begin|>"]}
    vocab_and_merges(folder, trained("qwen2"), config)
    return Qwen2Tokenizer.from_pretrained(folder)


def plain(style, kind, config=None, **others):
    """A folder whose tokenizer_config.json has few keys, so that the class decides."""
    def make(folder):
        name = {"tokenizer_class": kind.__name__}
        vocab_and_merges(folder, trained(style), {**(name if config is None else {}), **(config or {})})
        write(folder, **others)
        return kind.from_pretrained(folder)
    return make


# Files as older versions of transformers wrote them.
OLDER = {"special_tokens_map__json": {
    "bos_token": "<|begin|>", "unk_token": "<unk>", "pad_token": "<pad>",
    "eos_token": {"content": "<|end|>", "lstrip": True, "rstrip": True, "normalized": False,
                  "single_word": False},
    "mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True,
                   "single_word": False},
    "additional_special_tokens": ["<tool>", "<one more>"]},
    "added_tokens__json": {"<tool>": 1501, "word": 1500, "<pad>": 1502}}


def characters(folder):
    vocab_and_merges(folder, trained("openai"), {"tokenizer_class": "OpenAIGPTTokenizer"})
    return OpenAIGPTTokenizer.from_pretrained(folder)


def pieces(folder, model_type, **options):
    """Trains sentencepiece; returns its processor, and the tokenizer that transformers reads from the
    file."""
    options = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False,
               "user_defined_symbols": ["<tool>"], **options}
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for line in samples() if line.isascii()]), model_writer=model,
        vocab_size=600, model_type=model_type, minloglevel=2, **options)
    with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
        file.write(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    scores = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(len(processor))]
    return processor, scores, {piece: i for i, (piece, _) in enumerate(scores)}


def llama(folder, legacy=False, model_type="bpe"):
    _, _, vocab = pieces(folder, model_type, byte_fallback=True)
    config = {**CONFIG, "tokenizer_class": "LlamaTokenizer", "legacy": legacy}
    write(folder, tokenizer_config__json=config)
    reference = LlamaTokenizer(vocab, generate_merges(vocab), legacy=legacy, add_bos_token=True)
    return with_symbols(reference)


def gemma(folder):
    _, _, vocab = pieces(folder, "bpe", byte_fallback=True)
    write(folder, tokenizer_config__json={**CONFIG, "tokenizer_class": "GemmaTokenizer"})
    return with_symbols(GemmaTokenizer(vocab, generate_merges(vocab), **CONFIG, pad_token=None,
                                       mask_token=None))


def by_settings(model_type, config=None, shape=None, **options):
    """A folder whose class has no steps of its own: the model's settings decide."""
    def make(folder):
        pieces(folder, model_type, **options)
        write(folder, tokenizer_config__json=config or {}, **({"config__json": shape} if shape else {}))
        return TokenizersBackend.from_pretrained(folder)
    return make


def with_symbols(reference):
    """Control pieces and user-defined ones are added tokens, as the package's reader has them."""
    from tokenizers import AddedToken
    backend = getattr(reference, "_tokenizer", reference)
    for token in ("<unk>", "<s>", "</s>", "<tool>"):
        backend.add_tokens([AddedToken(token, normalized=False, special=token != "<tool>")])
    return backend


def tiktoken(folder):
    spelled = {character: byte for byte, character in alphabet()}
    vocab = json.loads(trained("llama-bpe").to_str())["model"]["vocab"]
    special = ("<unk>", "<|begin|>", "<|end|>")
    tokens = [bytes(spelled[c] for c in token) for token in sorted(vocab, key=vocab.get)
              if token not in special and all(c in spelled for c in token)]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    lines = [f"{base64.b64encode(token).decode()} {rank}" for token, rank in ranks.items()]
    added = {str(len(tokens) + i): {"content": token, "special": True}
             for i, token in enumerate(["<|begin|>", "<|end|>"])}
    write(folder, tokenizer__model="\n".join(lines) + "\n",
          tokenizer_config__json={"added_tokens_decoder": added})
    TikTokenConverter.load_tiktoken_bpe = staticmethod(lambda _: ranks)
    return TikTokenConverter("", extra_special_tokens=["<|begin|>", "<|end|>"]).converted()


def alphabet():
    """Each byte with the character that stands for it."""
    plain = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return [(byte, chr(byte)) for byte in plain] + [
        (byte, chr(0x100 + i)) for i, byte in enumerate(others)]


def gguf_llama(folder):
    processor, scores, vocab = pieces(folder, "bpe", byte_fallback=True)
    kinds = [3 if processor.is_control(i) else 2 if processor.is_unknown(i) else
             6 if processor.is_byte(i) else 1 for i in range(len(processor))]
    kinds[vocab["<tool>"]] = 4
    fields = {"tokens": list(vocab), "scores": [score for _, score in scores]}
    write(folder, fields__json={**fields, "model": "llama", "types": kinds, "bos": 1, "eos": 2,
                                "unk": 0, "add_eos": False})
    # As llama.cpp and sentencepiece have it, a space goes before every text; what transformers has for
    # the architecture llama puts none before a text that begins with one.
    reference, _ = convert_gguf_tokenizer("phi3", {
        **fields, "tokenizer_type": "llama", "token_type": kinds, "bos_token_id": 1, "eos_token_id": 2,
        "unk_token_id": 0})
    reference = with_symbols(reference)
    from tokenizers import processors
    reference.post_processor = processors.TemplateProcessing(single="<s> $A",
                                                             special_tokens=[("<s>", 1)])
    return reference


# Names of user-defined pieces that a pattern would read otherwise, one inside another.
SYMBOLS = ["<tool>", "a.b", "<tool>x*", "(", "the", "\u2581the ", "\\d+"]
RENAMED = {"added_tokens_decoder": {
    "3": {"content": "<call>", "special": False},
    "4": {"content": "<s>", "special": True}}}
SETTINGS = {
    "bpe": by_settings("bpe"),
    "bpe-bytes": by_settings("bpe", {"legacy": False}, byte_fallback=True),
    "bpe-spaces": by_settings("bpe", {"legacy": None}, remove_extra_whitespaces=True),
    "bpe-bare": by_settings("bpe", add_dummy_prefix=False, user_defined_symbols=[]),
    "bpe-symbols": by_settings("bpe", {"add_bos_token": True}, user_defined_symbols=SYMBOLS,
                               byte_fallback=True, remove_extra_whitespaces=True),
    "bpe-renamed": by_settings("bpe", RENAMED, user_defined_symbols=SYMBOLS[:2],
                               control_symbols=["<one>", "<two>"]),
    # The models of this type have no class of their own in transformers, whatever their files name.
    "bpe-of-mistral": by_settings("bpe", {"tokenizer_class": "LlamaTokenizer"},
                                  {"model_type": "mistral"}, byte_fallback=True),
    "unigram": by_settings("unigram"),
    "unigram-bare": by_settings("unigram", add_dummy_prefix=False),
    "unigram-nfkc": by_settings("unigram", {"add_eos_token": True}, byte_fallback=True,
                                normalization_rule_name="nmt_nfkc_cf",
                                user_defined_symbols=SYMBOLS, remove_extra_whitespaces=True)}
FORMATS = {"gpt2": gpt2, "qwen2": qwen2, "codegen": plain("gpt-2", CodeGenTokenizer),
           "neox": plain("neox", GPTNeoXTokenizer),
           "cohere": plain("cohere", CohereTokenizer, {
               "tokenizer_class": "CohereTokenizerFast", "add_bos_token": True, "pad_token": None,
               "add_prefix_space": True}),
           "of-model": plain("neox", GPTNeoXTokenizer, {}, config__json={"model_type": "olmo"}),
           "older": plain("gpt-2", GPT2Tokenizer, {
               "add_bos_token": True, "image_token": "<image>", "eos_token": "not this"},
               **OLDER, config__json={"model_type": "opt"}),
           "openai": characters, "llama": llama, "llama-legacy": lambda f: llama(f, True),
           "llama-unigram": lambda f: llama(f, model_type="unigram"),
           "gemma": gemma, **SETTINGS,
           "tiktoken": tiktoken, "gguf-llama": gguf_llama}


def main(driver, *names):
    sentencepiece_fields.install()
    for name, make in FORMATS.items():
        if names and name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            reference = make(folder)
            reference = getattr(reference, "_tokenizer", reference)
            gguf = os.path.join(folder, "fields.json")
            mode, path = ("gguf", gguf) if os.path.exists(gguf) else ("folder", folder)
            print(name)
            compare(driver, mode, path, reference, name, 3000)


if __name__ == "__main__":
    main(*sys.argv[1:])
