"""Each value of tokenizer.ggml.pre gives the same ids as the steps in the models' tokenizer.json.

Usage: gguf_styles_test.py DRIVER [STYLE...], with the program of tokenize_driver.cpp; every style unless some
are named, each by the first of the values that mean the same.
"""
import functools
import json
import os
import random
import subprocess
import sys
import tempfile

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import trainers

from styles import (CONTRACTIONS, DEEPSEEK, KIMI, LLAMA, LOWER, NESTED, O200K, QWEN, UPPER,
                    byte_level, digits, llama_decoder, split, steps)
from tokenizers_test import compare, samples, workers

STRINGS = 17000  # and more_strings()
# Those whose patterns tokenizers_test.py compares over as many strings are compared over fewer here.
COMPARED = ("gpt-2", "mpt", "smollm", "command-r", "falcon", "llama-bpe", "dbrx", "qwen2", "stablelm2",
            "gpt-4o", "granite-embed-multi-97m", "kimi-k2", "deepseek-v3", "bloom", "gemma4",
            "sarvam-moe")
DOCUMENTED = os.path.join(os.path.dirname(__file__), "../../../docs/tokenizers.md")
KANA = "[一-龥぀-ゟ゠-ヿ]+"
IDEOGRAPHS = r"[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
ENDS = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}]*{LOWER}]+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}]+{LOWER}]*|"
          rf"\p{{N}}|{ENDS}")
YOUTU = O200K.replace(r"\p{N}{1,3}", r"\p{N}")
RUNS = "".join(rf"\s{{{2 ** n}}}(?!\S)|" for n in range(9, 1, -1)) + r"\s{1,2}(?!\S)|\s{1}"
BAILING = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|"
           r"\s*[\r\n]|\s+(?!\S)|\s+")
EXAONE = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+")
SCRIPTS = (r"(?:[\u4E00-\u9FFF\u3040-\u309F\u30A0-\u30FF\u3400-\u4DBF\uf900-\uFAFF\uFF65-\uFF9F"
           r"\u2F00-\u2FDF]+|[\u0E00-\u0E7F]+|[\u0E80-\u0EFF]+|[\u1780-\u17FF]+|"
           r"[\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF]+|[\uAC00-\uD7AF\u1100-\u11FF]+)")
# Pairs of a range's ends: letters of scripts that have cases.
LETTERS = bytes.fromhex(
    "0041005a 0061007a 00b500b5 00c000d6 00d800f6 00f801ba 01bc01bf 01c40293 029502af 03700373"
    "03760377 037b037d 037f037f 03860386 0388038a 038c038c 038e03a1 03a303f5 03f70481 048a052f"
    "05310556 10a010c5 13a013f5 13f813fd 1c901cba 1cbd1cbf 1d001d2b 1d6b1d77 1d791d9a 1e001f15"
    "1f181f1d 1f201f45 1f481f4d 1f501f57 1f591f59 1f5b1f5b 1f5d1f5d 1f5f1f7d 1f801fb4 1fb61fbc"
    "1fbe1fbe 1fc21fc4 1fc61fcc 1fd01fd3 1fd61fdb 1fe01fec 1ff21ff4 1ff61ffc 21022102 21072107"
    "210a2113 21152115 2119211d 21242124 21262126 21282128 212a212d 212f2134 21392139 213c213f"
    "21452149 214e214e 21832184 2c002c7b 2c7e2ce4 2ceb2cee 2cf22cf3 a640a66d a680a69b a722a76f"
    "a771a787 a78ba78e ab70abbf fb00fb06 fb13fb17 ff21ff3a ff41ff5a").decode("utf-16-be")
HIGHER = "𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
DEEPSEEK_LLM = (r"\s?[" + "".join(f"{a}-{b}" for a, b in zip(LETTERS[::2], LETTERS[1::2])) + HIGHER
                + "]+")


def cut(*patterns):
    """Patterns one after the other, then bytes."""
    return steps(*(split(Regex(pattern)) for pattern in patterns), byte_level(use_regex=False))


def style(names, pre, nfc=False, **options):
    return {"names": names.split(), "pre": pre, "nfc": nfc, "options": options}


STYLES = [
    style("gpt-2 phi-2 gigachat a.x-4.0 mellum jais exaone4 trillion granite-docling jina-es jina-de "
          "jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe", byte_level()),
    style("mpt olmo modern-bert", byte_level(), nfc=True),
    style("smollm starcoder refact codeshell exaone minerva-7b mellum2",
          steps(digits(True), byte_level())),
    style("command-r", steps(digits(True), byte_level()), nfc=True),
    style("falcon", steps(pre_tokenizers.Punctuation("contiguous"), byte_level(), digits(),
                          split(Regex("[0-9][0-9][0-9]")))),
    style("chameleon", steps(split(Regex("<sentinel:[0-9]+>")),
                             split(Regex("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z")),
                             split(Regex(r"([\t\n]|    |  )")), digits(True),
                             pre_tokenizers.Punctuation(), byte_level())),
    style("llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", cut(LLAMA),
          ignore_merges=True),
    style("dbrx smaug-bpe glm4 chatglm-bpe", cut(LLAMA)),
    style("jais-2", cut(LLAMA.removesuffix(r"\s+(?!\S)|\s+") + RUNS)),
    style("minicpm5", cut(r"\p{N}{1,3}", LLAMA.replace(r"\p{N}{1,3}", r"\p{N}+")), ignore_merges=True),
    style("qwen2 deepseek-r1-qwen megrez kormo f2llmv2", cut(QWEN), nfc=True),
    style("stablelm2 hunyuan solar-open grok-2", cut(QWEN)),
    style("ufakzeka", cut(QWEN.removeprefix(CONTRACTIONS + "|"))),
    style("qwen35", cut(QWEN.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(
        r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")), nfc=True),
    style("laguna", cut(r"[^\n]+|[\n]+", QWEN)),
    style("seed-coder", cut(QWEN.replace(r"|\p{N}|", r"|\p{N}{1}|").replace(
        r" ?[^\s\p{L}\p{N}]+[\r\n]*", r" ?[^\s\p{L}\p{N}\r\n]+"))),
    style("bailingmoe bailingmoe2 llada-moe", cut(BAILING)),
    style("exaone-moe", cut(EXAONE), nfc=True),
    style("gpt-4o llama4 kanana2 talkie minimax-m2", cut(O200K)),
    style("granite-embed-multi-97m", cut(O200K), ignore_merges=True),
    style("tekken", cut(TEKKEN), ignore_merges=True),
    style("kimi-k2", cut(KIMI)),
    style("tiny_aya cohere2moe", cut(r"\d{1,3}(?=(?:\d{3})*\b)", O200K), nfc=True),
    style("youtu", cut(f"[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|{KANA}", YOUTU),
          ignore_merges=True),
    style("deepseek-v3 hunyuan-dense joyai-llm hy_v4", cut(r"\p{N}{1,3}", KANA, DEEPSEEK)),
    style("spark2_5", cut(r"\p{N}{1,3}", KANA, DEEPSEEK.replace(
        r"[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|", r"[\p{P}\p{S}]+|[\r\n]|"), r"\p{N}")),
    style("afmoe", cut(r"\p{Nd}{1,510}(?=(?>\p{Nd}{510})*(?:\P{Nd}|$))|\G\p{Nd}{510}",
                       r"\A\p{Nd}{1,2}(?=\p{Nd}{3}+\z)", r"\A\p{Nd}{3}|\G\p{Nd}{3}", SCRIPTS,
                       DEEPSEEK)),
    style("deepseek-coder", steps(*(split(Regex(pattern)) for pattern in (
        "[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", IDEOGRAPHS)), digits(True), byte_level(use_regex=False))),
    style("deepseek-llm", steps(*(split(Regex(pattern)) for pattern in (
        "[\r\n]", DEEPSEEK_LLM, r"\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", IDEOGRAPHS)),
        digits(True), byte_level(use_regex=False))),
    style("superbpe", cut(r"\p{N}+", r"(?=(\d{3})+(?!\d))")),
    style("bloom poro-chat gpt3-finnish", cut(NESTED)),
    style("viking", steps(split(Regex(NESTED)), digits(True), byte_level(use_regex=False))),
    style("gemma4 granite-embed-multi-311m", None),
    style("sarvam-moe", None),
]
NAMES = [one["names"][0] for one in STYLES]


@functools.cache
def more_strings():
    """Texts that some of the styles split and that random text rarely contains."""
    rng = random.Random(40)
    atoms = ["<sentinel:12>", "<sentinel:>", "IMGIMGABCZ", "IMGIMGABCDEZ", "\t", "  ", "    ", "1" * 14,
             "٣" * 7, "x1234567", "1234567é", "0.1234,567", "½²³¼", "ไทย", "ລາວ", "ខ្មែរ", "မြန်မာ", "한국어",
             "ㄱㄴ", "ㄅㄆ", "ｱｲｳ", "⼀⼁", "漢字かなカナ", "㐀", "！？…", "（：）", "\u3000", "“a”", "ᾼΏΐΊΩK",
             "𐐀𐐨", "क्षि", "a b c", "don't", "DON'T", "can'Ts", "'ll", "aB", "ABc", "éÀ", "\r", "\r\n\r\n",
             "\n \n", " \n", "_a", "#x", "$", "+=", "word", " word", "a/\n/"]
    out = ["".join(rng.choice(atoms) for _ in range(rng.randint(1, 9))) for _ in range(3000)]
    return out + [prefix + "1" * digits for digits in (509, 512, 1022, 1530)
                  for prefix in ("", " x")] + ["one two three " * 15000]


@functools.cache
def trained(signs):
    """One vocabulary for all: its training text is not split, so that each split changes the ids."""
    special = ["<unk>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.BPE())
    options = {"vocab_size": 1500, "show_progress": False}
    if signs:
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        special += [f"<0x{byte:02X}>" for byte in range(256)]
    else:
        tokenizer.pre_tokenizer = byte_level(use_regex=False)
        options["initial_alphabet"] = pre_tokenizers.ByteLevel.alphabet()
    lines = samples() + more_strings()[:400]
    pieces = [line[i:i + 60] for line in lines for i in range(0, len(line), 60)]
    tokenizer.train_from_iterator(pieces, trainers.BpeTrainer(special_tokens=special, **options))
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    types = [2, 3, 3] + [6 if signs and i < 259 else 1 for i in range(3, len(tokens))]
    return {"model": "gpt2", "tokens": tokens, "types": types, "bos": 1, "eos": 2, "unk": 0,
            "merges": [" ".join(merge) for merge in model["merges"]], "add_bos": True, "add_eos": True}


def reference(fields, chosen):
    """The tokenizer that the fields mean, built with the package alone."""
    vocab = {token: i for i, token in enumerate(fields["tokens"])}
    merges = [tuple(merge.split(" ")) for merge in fields["merges"]]
    if chosen["pre"]:
        tokenizer = Tokenizer(models.BPE(vocab, merges, **chosen["options"]))
        tokenizer.pre_tokenizer, tokenizer.decoder = chosen["pre"], decoders.ByteLevel()
        if chosen["nfc"]:
            tokenizer.normalizer = normalizers.NFC()
    else:
        tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True,
                                         byte_fallback=True))
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = split(" ", "merged_with_previous")
        tokenizer.decoder = llama_decoder(0)
    tokenizer.add_special_tokens(fields["tokens"][:3])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def described(driver, path):
    return subprocess.run([driver, "describe", path], stdout=subprocess.PIPE, check=True).stdout


def check(driver, name):
    chosen = STYLES[NAMES.index(name)]
    fields = trained(not chosen["pre"])
    expected = reference(fields, chosen)
    with open(DOCUMENTED, encoding="utf-8") as file:
        documented = file.read()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vocabulary.json")
        texts = []
        for alias in chosen["names"]:
            assert f"`{alias}`" in documented, alias
            with open(path, "w", encoding="utf-8") as file:
                json.dump({**fields, "pre": alias}, file)
            texts.append(described(driver, path))
        assert len(set(texts)) == 1, chosen["names"]
        compare(driver, "gguf", path, expected, name, 1000 if name in COMPARED else STRINGS,
                more_strings())
        again = Tokenizer.from_str(texts[0].decode())
        for text in more_strings()[:500]:
            assert again.encode(text).ids == expected.encode(text).ids, text


def main(driver, *names):
    return workers.checked(names or NAMES, lambda name: check(driver, name))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
