"""Tokenizers of a few hundred tokens, trained when a test runs, with the special tokens of a template."""

import re

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TEXT = ("What is the capital of France? The capital of France is Paris. Hello there, how are you? I am fine.\n"
        "assistant user system tool\n\nThe answer is 42. <think>\nok\n</think>\n\n It's 2 + 2 = 4. ### Response:\n") * 4
SPECIAL = re.compile(r"<\|[^|>{}'\"\n]+\|>|<｜[^｜>\n]+｜>|<(?:start|end)_of_\w+>|<\|\w+>|<\w+\|>|\[/?INST\]|<bos>|<eos>|</?s>|\[/?\w+_?\w*\]")


def special_tokens(template, *more):
    return sorted(set(SPECIAL.findall(template)) | set(more))


def byte_level(special, bos="", eos="</s>", adds_bos=False):
    """BPE over bytes with GPT-2's words."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    made.train_from_iterator([TEXT], trainer)
    return finished(made, special, bos, eos, adds_bos)


def metaspace(special, bos="<s>", eos="</s>", adds_bos=True):
    """BPE over characters with bytes for those that it lacks, and a sign for spaces, which the normalizer puts
    before each stretch of text."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                      decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(vocab_size=700, show_progress=False,
                                  special_tokens=["<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)])
    made.train_from_iterator([line + "\n" for line in TEXT.split("\n")], trainer)
    return finished(made, special, bos, eos, adds_bos)


def finished(made, special, bos, eos, adds_bos):
    made.add_special_tokens([AddedToken(token, normalized=False, special=True)
                             for token in sorted({*special, bos, eos} - {""})])
    if adds_bos:
        made.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, made.token_to_id(bos))])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=bos or None, eos_token=eos,
                                   clean_up_tokenization_spaces=False)
