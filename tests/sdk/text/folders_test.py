"""A tokenizer.json with the files beside it gives the ids of transformers' AutoTokenizer.

Usage: folders_test.py DRIVER [COUNT [SEED]], with the program of tokenize_driver.cpp.
"""
import functools
import json
import os
import random
import subprocess
import sys
import tempfile

import transformers

from tokenizers_test import trained as train

trained = functools.cache(lambda style: train(style).to_str())
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
CLASSES = ["PreTrainedTokenizerFast", "TokenizersBackend", "GPT2TokenizerFast", "CodeGenTokenizer",
           "GPTNeoXTokenizerFast", "Qwen2Tokenizer", "Qwen3_5Tokenizer", "CohereTokenizerFast",
           "LlamaTokenizerFast", "GemmaTokenizer", "BloomTokenizerFast", "OddTokenizer", None]
MODELS = ["llama", "gpt2", "gpt_neox", "qwen2", "qwen3", "mistral", "phi3", "stablelm", "cohere",
          "deepseek_v3", "gemma2", "opt"]
NAMES = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "image_token"]
CONTENTS = ["<tool>", "<|end|>", "<s>", "</s>", "<unk>", "<TOOL>", "tool", "<a>", "the", "\u2581x",
            "\u00c9", "<|endoftext|>"]


def text(draw):
    parts = CONTENTS + ["a", " b", "\n", "  ", "x", "Hello", "123", "don't", "\u00e9", "\t", ",", "_"]
    return "".join(draw.choice(parts) for _ in range(draw.randrange(1, 9)))


def flags(draw, some=False):
    return {flag: draw.random() < 0.4 for flag in FLAGS if not some or draw.random() < 0.7}


def token(draw, kind):
    """A special token: its text, or an object as the file takes it."""
    content = draw.choice(CONTENTS)
    if draw.random() < 0.6:
        return content
    value = {"content": content, **flags(draw, some=True)}
    if kind == "config":
        value["__type"] = "AddedToken"
    return value


def specials(draw, kind, chance):
    out = {name: token(draw, kind) for name in NAMES if draw.random() < chance}
    if kind == "config" and draw.random() < 0.1:
        out[draw.choice(NAMES[:5])] = None
    if draw.random() < chance:
        out["additional_special_tokens"] = [draw.choice(CONTENTS) for _ in range(draw.randrange(3))]
    if draw.random() < chance:
        contents = [draw.choice(CONTENTS) for _ in range(draw.randrange(3))]
        named = kind == "config" and draw.random() < 0.5
        out["extra_special_tokens"] = (
            {f"extra_{i}": one for i, one in enumerate(contents)} if named else contents)
    return out


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file)


def folder_of(draw, folder):
    """Writes a random folder; returns its description for a message."""
    style = draw.choice(["gpt-2", "gpt-2", "llama-2", "qwen2"])
    made = json.loads(trained(style))
    size = max(made["model"]["vocab"].values()) + 1
    listed = [{"id": size + draw.randrange(9), "content": draw.choice(CONTENTS), **flags(draw)}
              for _ in range(draw.randrange(5))]
    made["added_tokens"] = made["added_tokens"][:draw.randrange(4)] + listed
    if draw.random() < 0.3:
        made["normalizer"] = {"type": "Lowercase"}
    if draw.random() < 0.2:
        made["padding"] = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None,
                           "pad_id": 0, "pad_type_id": 0, "pad_token": draw.choice(CONTENTS)}
    if draw.random() < 0.5:
        made["post_processor"] = {
            "type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    config = specials(draw, "config", 0.3)
    if name := draw.choice(CLASSES):
        config["tokenizer_class"] = name
    if draw.random() < 0.4:
        config["added_tokens_decoder"] = {
            str(size + draw.randrange(9)): {"content": draw.choice(CONTENTS), **flags(draw, some=True)}
            for _ in range(draw.randrange(5))}
    for key in ("add_prefix_space", "split_special_tokens", "add_bos_token", "add_eos_token", "legacy"):
        if draw.random() < 0.25:
            config[key] = draw.random() < 0.6
    write(folder, "tokenizer.json", made)
    write(folder, "tokenizer_config.json", config)
    model = {"model_type": draw.choice(MODELS)}
    if draw.random() < 0.1:
        model["tokenizer_class"] = draw.choice(CLASSES)
    write(folder, "config.json", model)
    special = specials(draw, "map", 0.3) if draw.random() < 0.3 else None
    if special is not None:
        write(folder, "special_tokens_map.json", special)
    if draw.random() < 0.1:
        write(folder, "added_tokens.json", {one: size + i for i, one in enumerate(draw.sample(CONTENTS, 3))})
    return {"style": style, "config": config, "map": special, "model": model, "listed": made["added_tokens"]}


def ask(driver, folder, lines):
    done = subprocess.run([driver, "folder", folder], input="\n".join(map(json.dumps, lines)),
                          capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else done.stderr


def mistral(driver):
    """A folder whose tokenizer_config.json asks to fix the pattern, and one that is too new for it."""
    made = json.loads(trained("gpt-2"))
    vocab = made["model"]["vocab"]
    for i in range(100_001 - len(vocab)):
        vocab[f"more{i}"] = len(vocab)
    texts = ["HelloWorld 123 don'T", "aB\n\nCd  x", "x/\n y12"]
    for version, kind in (("4.50.0", "mistral"), ("5.1.0", "mistral"), ("4.50.0", "llama")):
        with tempfile.TemporaryDirectory() as folder:
            write(folder, "tokenizer.json", made)
            write(folder, "tokenizer_config.json",
                  {"tokenizer_class": "PreTrainedTokenizerFast", "fix_mistral_regex": True})
            write(folder, "config.json", {"model_type": kind, "transformers_version": version})
            reference = transformers.AutoTokenizer.from_pretrained(folder)
            want = [reference(text).input_ids for text in texts]
            got = [answer["ids"] for answer in ask(driver, folder, texts)]
            if got != want:
                sys.exit(f"fix_mistral_regex, {kind} of {version}: {got}, not {want}")


def main(driver, count=150, seed=1):
    transformers.logging.set_verbosity_error()
    mistral(driver)
    compared = 0
    for at in range(int(seed), int(seed) + int(count)):
        draw = random.Random(at)
        with tempfile.TemporaryDirectory() as folder:
            what = folder_of(draw, folder)
            texts = [text(draw) for _ in range(30)]
            try:
                reference = transformers.AutoTokenizer.from_pretrained(folder)
                want = [reference(one).input_ids for one in texts]
            except Exception as error:  # the reference cannot read the folder either
                print(at, type(error).__name__, str(error)[:100])
                continue
            answers = ask(driver, folder, texts)
            if isinstance(answers, str):
                sys.exit(f"{at}: refused: {answers}{what}")
            for one, ids, answer in zip(texts, want, answers, strict=True):
                if answer["ids"] != ids:
                    sys.exit(f"{at}: {type(reference).__name__}: {one!r}: {answer['ids']}, not {ids}\n{what}\n"
                             f"{reference.added_tokens_decoder}")
            rows = [ids for ids in want if ids]
            for ids, answer in zip(rows, ask(driver, folder, rows), strict=True):
                for key, skips in (("text", False), ("skipped", True)):
                    text_of = reference._tokenizer.decode(ids, skip_special_tokens=skips)
                    if answer[key] != text_of:
                        sys.exit(f"{at}: {type(reference).__name__}: {ids}: {answer[key]!r}, not {text_of!r}\n{what}")
            compared += 1
    print(f"{compared} folders of {count} are as transformers reads them")
    if compared < int(count) / 2:
        sys.exit("too few folders are read by the reference")


if __name__ == "__main__":
    main(*sys.argv[1:])
