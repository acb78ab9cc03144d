"""Training data of known tokens: a tokenizer of single letters, and files of rows of them."""

import dataclasses
import json
import pathlib
import random
import string

import tokenizers

EOS, FIRST = 2, 4  # ids below 4 may be those of padding and the like
LETTERS = "".join(one for one in string.ascii_letters + string.digits + string.punctuation if one not in '"</>\\')


@dataclasses.dataclass(frozen=True)
class Sequence:
    ids: tuple  # with the eos token at the end
    scored: tuple  # by token, whether its prediction counts; the first token has none

    @property
    def count(self):
        """Scored tokens."""
        return sum(self.scored[1:])


def letters(vocabulary):
    """The letter of some ids, which lie apart from each other."""
    apart = (vocabulary - FIRST) // len(LETTERS)
    assert apart, f"a vocabulary of {vocabulary}"
    return {FIRST + apart * at: letter for at, letter in enumerate(LETTERS)}


def write_tokenizer(folder, vocabulary):
    """Each letter is a token, since there are no merges, and token 2 is the end of a text. It is a byte-level
    tokenizer because transformers reads the one of some model types as such, whatever the file says."""
    names = {id: f"<unused-{id}>" for id in range(vocabulary)} | letters(vocabulary) | {EOS: "</s>"}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({name: id for id, name in names.items()}, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>"])
    folder = pathlib.Path(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"}))


def texts(seed, vocabulary, lengths):
    """Random ids of letters, a list of each length."""
    draw, ids = random.Random(seed), list(letters(vocabulary))
    return [draw.choices(ids, k=length) for length in lengths]


def some_lengths(seed, count, low=6, high=20):
    draw = random.Random(seed)
    return [draw.randint(low, high) for _ in range(count)]


def write_texts(file, rows, vocabulary):
    """Writes {"text"} rows; the sequences, all of whose tokens are scored."""
    letter = letters(vocabulary)
    file.write_text("".join(json.dumps({"text": "".join(map(letter.get, ids))}) + "\n" for ids in rows))
    return [Sequence((*ids, EOS), (True,) * (len(ids) + 1)) for ids in rows]


def write_completions(file, rows, vocabulary):
    """Writes rows whose first third is the prompt; the sequences, whose completion is scored."""
    letter, out, lines = letters(vocabulary), [], []
    for ids in rows:
        cut = len(ids) // 3
        text = "".join(map(letter.get, ids))
        lines.append(json.dumps({"prompt": text[:cut], "completion": text[cut:]}) + "\n")
        out.append(Sequence((*ids, EOS), (False,) * cut + (True,) * (len(ids) + 1 - cut)))
    file.write_text("".join(lines))
    return out
