"""The styles of tokenizers that families have, as the package tokenizers makes them."""
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
         r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN = LLAMA.replace("{1,3}", "")
# tiktoken's own spelling, with classes without case and a plus after a counted repeat.
TIKTOKEN = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|"
            r" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}]*{LOWER}]+{CONTRACTIONS}?|"
         rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}]+{LOWER}]*{CONTRACTIONS}?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
KIMI = r"[\p{Han}]+|" + O200K.replace(r"\p{M}]", r"\p{M}&&[^\p{Han}]]")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
            r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# bloom's pattern: a class inside a class.
NESTED = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def byte_level(**options):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, **options})


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(pattern, behavior, invert=invert)


def steps(*all):
    return pre_tokenizers.Sequence(list(all))


def words(pattern, behavior="isolated", before=()):
    return steps(*before, split(Regex(pattern), behavior), byte_level(use_regex=False))


def digits(individual=False):
    return pre_tokenizers.Digits(individual_digits=individual)


def metaspace(scheme, split=True):
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)


def llama_decoder(strip=1):
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                              *[decoders.Strip(" ", strip, 0)][:strip]])


def byte_bpe(pre, normalizer=None, **options):
    return {"model": "BPE", "pre": pre, "normalizer": normalizer, "options": options,
            "decoder": decoders.ByteLevel()}


def fallback(pre=None, normalizer=None, decoder=None, model="BPE", **options):
    """Characters without a token become bytes."""
    if model == "BPE":
        options = {"unk_token": "<unk>", "fuse_unk": True, **options}
    return {"model": model, "pre": pre, "normalizer": normalizer, "decoder": decoder or llama_decoder(),
            "options": {"byte_fallback": True, **options}}


def other(model, pre, normalizer=None, decoder=None, **options):
    return {"model": model, "pre": pre, "normalizer": normalizer, "decoder": decoder,
            "options": options}


def chain(*all):
    return normalizers.Sequence(list(all))


PLAIN = {
    "gpt-2": lambda: byte_bpe(byte_level()),
    "opt": lambda: byte_bpe(byte_level(trim_offsets=True), continuing_subword_prefix="",
                            end_of_word_suffix=""),
    "smollm": lambda: byte_bpe(steps(digits(True), byte_level())),
    "starcoder": lambda: byte_bpe(steps(digits(True), byte_level())),
    "cohere": lambda: byte_bpe(steps(digits(True), byte_level()), normalizers.NFC()),
    "neox": lambda: byte_bpe(byte_level(), normalizers.NFC()),
    "llama-bpe": lambda: byte_bpe(words(LLAMA), ignore_merges=True),
    "qwen2": lambda: byte_bpe(words(QWEN), normalizers.NFC()),
    "phi": lambda: byte_bpe(byte_level()),
    "falcon": lambda: byte_bpe(steps(pre_tokenizers.Punctuation("contiguous"), byte_level(), digits(),
                                     split(Regex("[0-9][0-9][0-9]")))),
    "bloom": lambda: byte_bpe(words(NESTED)),
    "tiktoken": lambda: byte_bpe(words(TIKTOKEN), ignore_merges=True),
    "o200k": lambda: byte_bpe(words(O200K)),
    "kimi": lambda: byte_bpe(words(KIMI)),
    "deepseek": lambda: byte_bpe(words(DEEPSEEK, before=[
        split(Regex(r"\p{N}{1,3}")), split(Regex(r"[一-龥぀-ゟ゠-ヿ]+"))])),
    "prefix": lambda: byte_bpe(steps(digits(), byte_level(add_prefix_space=True))),
    "removed": lambda: byte_bpe(steps(split(Regex(r"[\s\d]|"), "removed"), byte_level())),
    "previous": lambda: byte_bpe(steps(split("the", "merged_with_previous"), byte_level())),
    "next": lambda: byte_bpe(steps(split(Regex(r"[^\S\r]+?|\p{^L}{,2}x"), "merged_with_next", True),
                                   byte_level())),
    "contiguous": lambda: byte_bpe(words(r"(?<=a)[b-dé]*+|^\p{Han}|\p{P}$", "contiguous")),
    "edges": lambda: byte_bpe(words(r"\b|[\w&&\D]{2,3}?[\h]|[^\p{L}[^a-z]]\B")),
    "unknown": lambda: byte_bpe(byte_level(), unk_token="<unk>", fuse_unk=True),
    "unknowns": lambda: byte_bpe(byte_level(), unk_token="<unk>"),
    "spelled": lambda: byte_bpe(None, normalizers.ByteLevel()),
    "llama-2": lambda: fallback(normalizer=chain(normalizers.Prepend("▁"),
                                                 normalizers.Replace(" ", "▁"))),
    "llama-2-new": lambda: fallback(metaspace("first", False), unk_token=None),
    "mistral": lambda: fallback(metaspace("first"), ignore_merges=True),
    "gemma": lambda: fallback(split(" ", "merged_with_previous"), normalizers.Replace(" ", "▁"),
                              llama_decoder(0)),
    "few-bytes": lambda: fallback(metaspace("always"), fuse_unk=False),
    "t5": lambda: other("Unigram", steps(pre_tokenizers.WhitespaceSplit(), metaspace("always")),
                        chain(normalizers.Nmt(), normalizers.NFKC(),
                              normalizers.Replace(Regex(" {2,}"), " "),
                              normalizers.Strip(left=False)),
                        decoders.Metaspace()),
    "unigram-bytes": lambda: fallback(metaspace("never"), model="Unigram",
                                      decoder=decoders.Sequence([decoders.ByteFallback(),
                                                                 decoders.Metaspace()])),
    "bert": lambda: other("WordPiece", pre_tokenizers.BertPreTokenizer(),
                          normalizers.BertNormalizer(), decoders.WordPiece()),
    "bert-cased": lambda: other("WordPiece", steps(pre_tokenizers.Whitespace(),
                                                   pre_tokenizers.Punctuation()),
                                normalizers.BertNormalizer(clean_text=False, lowercase=False,
                                                           strip_accents=True),
                                decoders.WordPiece(cleanup=False), max_input_chars_per_word=12),
    "words": lambda: other("WordLevel", steps(pre_tokenizers.CharDelimiterSplit("e"),
                                              pre_tokenizers.Whitespace()),
                           chain(normalizers.NFKD(), normalizers.StripAccents(),
                                 normalizers.Lowercase(), normalizers.Strip())),
    "openai": lambda: other("BPE", pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer(),
                            decoders.BPEDecoder(suffix="</w>"), end_of_word_suffix="</w>",
                            unk_token="<unk>"),
    "suffix": lambda: other("BPE", pre_tokenizers.BertPreTokenizer(),
                            chain(normalizers.NFD(), normalizers.Lowercase()),
                            decoders.BPEDecoder(suffix="</w>"), end_of_word_suffix="</w>",
                            continuing_subword_prefix="##", unk_token="<unk>"),
}


def post_processor(style, begin, end):
    """The post-processor of the style's families: a template, or one of the older processors."""
    if style.startswith("bert"):
        return processors.BertProcessing(end, begin)
    if style == "opt":
        return processors.RobertaProcessing(end, begin)
    template = processors.TemplateProcessing(
        single=f"{begin[0]} $A {end[0]}", pair=f"{begin[0]} $A $B:1", special_tokens=[begin, end])
    return processors.Sequence([processors.ByteLevel(), template])
