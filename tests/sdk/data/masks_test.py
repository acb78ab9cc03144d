"""Tokens and loss masks of rows, compared with transformers.

    python masks_test.py DRIVER

The templates are trl's: those that it trains with mark what the assistant says, so that transformers gives the
mask. Each is tried with its marks, where the mask must be the same, and without, where only white space behind
the token that ends a turn may differ.
"""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jinja2
import tiny_tokenizers

MARKS = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")
PLAIN = [
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "The capital of France is Paris."},
    {"role": "user", "content": "How are you?\nFine?"},
    {"role": "assistant", "content": "I am fine, thanks."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Grüße, it's 42. 🙂"},
]
SYSTEM = [{"role": "system", "content": "You are fine."}, *PLAIN[:4]]
REASONED = [PLAIN[0], {**PLAIN[1], "reasoning_content": "ok"}, *PLAIN[2:5], {**PLAIN[5], "reasoning_content": "ok 2"}]
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 2, "b": 2}}}
CALLED = [PLAIN[0], {"role": "assistant", "content": "", "tool_calls": [CALL]},
          {"role": "tool", "name": "add", "content": "4"}, PLAIN[1], PLAIN[2], PLAIN[3]]
TOOLS = [{"type": "function", "function": {
    "name": "add", "description": "Adds.", "parameters": {
        "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a"]}}}]
EOS = "<|eos|>"
# A turn behind a tool's answer begins with a header that the template's own generation prompt leaves out.
OTHERWISE = {("diffusion_gemma_training", "called")}
TALKS = {"one": {"messages": PLAIN[:2]}, "plain": {"messages": PLAIN}, "system": {"messages": SYSTEM},
         "reasoned": {"messages": REASONED}, "user last": {"messages": PLAIN[:5]},
         "called": {"messages": CALLED, "tools": TOOLS}}


class Driver:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, **query):
        self.process.stdin.write(json.dumps(query) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def folder_of_templates():
    return pathlib.Path(importlib.util.find_spec("trl").origin).parent / "chat_templates"


def peer_rows(tokenizer, template, talk):
    """transformers' ids and mask; None where the template refuses the conversation."""
    try:
        made = tokenizer.apply_chat_template(
            talk["messages"], tools=talk.get("tools"), chat_template=template, return_dict=True,
            return_assistant_tokens_mask=True)
    except (jinja2.TemplateError, TypeError):
        return None
    return made["input_ids"], made["assistant_masks"]


def without_calls(talk):
    return {**talk, "messages": [{key: value for key, value in message.items() if key != "tool_calls"}
                                 for message in talk["messages"]]}


def in_parts(talk):
    return {**talk, "messages": [{**message, "content": [{"type": "text", "text": message["content"]}]}
                                 for message in talk["messages"]]}


def spans(mask):
    """The runs of ones."""
    edges = [i for i in range(len(mask) + 1)
             if (mask[i] if i < len(mask) else 0) != (mask[i - 1] if i > 0 else 0)]
    return list(zip(edges[::2], edges[1::2]))


def prompt_in_block(prompt, bare, before, block):
    """The length of the part of the generation prompt that a block holds, behind the text `before` it."""
    if prompt.startswith(before):
        return len(os.path.commonprefix([block, prompt[len(before):]]))
    added = prompt[len(os.path.commonprefix([prompt, bare])):]
    held = max(n for n in range(len(added) + 1) if before.endswith(added[:n]))
    return len(os.path.commonprefix([block, added[held:]]))


def inferred(tokenizer, template, talk, ids, mask):
    """The mask less what a model does not have to say: the part of the generation prompt that a block holds, and
    white space behind the token that ends a turn."""
    def rendered(count, asked):
        return tokenizer.apply_chat_template(talk["messages"][:count], tools=talk.get("tools"), tokenize=False,
                                             chat_template=template, add_generation_prompt=asked)

    out = list(mask)
    said = [i for i, message in enumerate(talk["messages"]) if message["role"] == "assistant"]
    for (begin, end), message in zip(spans(mask), said, strict=True):
        texts = [tokenizer.decode([i]) for i in ids[begin:end]]
        length = prompt_in_block(rendered(message, True), rendered(message, False), tokenizer.decode(ids[:begin]),
                                 "".join(texts))
        while texts and len(texts[0]) <= length:
            out[begin] = 0
            length -= len(texts.pop(0))
            begin += 1
        while texts and not texts[-1].strip():
            texts.pop()
            end -= 1
            out[end] = 0
    return out


def compare_templates(driver, folder):
    """The count of conversations compared."""
    compared = 0
    for path in sorted(folder_of_templates().glob("*_training.jinja")):
        template = path.read_text()
        tokenizer = tiny_tokenizers.byte_level(tiny_tokenizers.special_tokens(template), eos=EOS)
        file = f"{folder}/{path.stem}.json"
        tokenizer.backend_tokenizer.save(file)
        for name, talk in TALKS.items():
            known = peer_rows(tokenizer, template, talk)
            if known is None or (path.stem, name) in OTHERWISE:
                continue
            got = driver(tokenizer=file, template=template, eos=EOS, row=talk)
            if "does not print its content" in got.get("error", ""):
                assert talk["messages"][0]["content"] not in tokenizer.decode(known[0]), (path.stem, name)
                talk = in_parts(talk)
                known = peer_rows(tokenizer, template, talk)
            ids, mask = known
            without = inferred(tokenizer, template, talk, ids, mask)
            for marks in (True, False):
                got = driver(tokenizer=file, template=template if marks else MARKS.sub("", template), eos=EOS, row=talk)
                where = f"{path.stem}, {name}, marks {marks}"
                if "does not print its tool_calls" in got.get("error", ""):
                    assert peer_rows(tokenizer, template, without_calls(talk)) == known, (where, got)
                    continue
                assert "error" not in got, (where, got)
                # The eos token is added where the template puts none.
                assert got["ids"] == ids + [tokenizer.eos_token_id] * (ids[-1] != tokenizer.eos_token_id), where
                scored = [int(weight > 0) for weight in got["weights"][:len(ids)]]
                # A token that the template's marks do not hold is white space, or part of the prompt.
                for at, (ours, theirs, less) in enumerate(zip(scored, mask, without)):
                    allowed = (theirs, less) if marks else (less,)
                    assert ours in allowed, (where, at, tokenizer.decode(ids[max(at - 5, 0):at + 2]), ours, theirs)
                last = talk["messages"][-1]["role"] == "assistant"
                assert (got["weights"][-1] > 0) == last, where
            compared += 1
    return compared


def compare_texts(driver, folder):
    """Rows without messages: the ids of the whole text, and by the offsets of the peer what is scored."""
    pairs = [("What is the capital", " of France?"), ("The answer is ", "42."), ("Grü", "ße 🙂🙂"), ("", "Hello"),
             ("Hello", ""), ("a  ", "  b"), ("Hello\n", "\n\nfine"), ("🙂", "🙂"), ("x</s>", "</s> y"), ("1 +", "+ 2")]
    for make in (tiny_tokenizers.byte_level, tiny_tokenizers.metaspace):
        tokenizer = make([], bos="<s>", eos="</s>", adds_bos=True)
        file = f"{folder}/{make.__name__}.json"
        tokenizer.backend_tokenizer.save(file)
        for prompt, completion in pairs:
            for row, text, behind in (
                    ({"prompt": prompt, "completion": completion}, prompt + completion, len(prompt)),
                    ({"text": prompt + completion}, prompt + completion, -1),
                    alpaca(prompt, "", completion), alpaca(prompt, " 7\n", completion)):
                encoded = tokenizer(text, return_offsets_mapping=True)
                ids = encoded["input_ids"]
                whole = behind < 0
                scored = [at > 0 and (whole or end > behind) for at, (_, end) in enumerate(encoded["offset_mapping"])]
                if ids[-1] != tokenizer.eos_token_id:
                    ids, scored = ids + [tokenizer.eos_token_id], scored + [True]
                got = driver(tokenizer=file, eos="</s>", row=row)
                assert got["ids"] == ids, (make.__name__, row, got, ids)
                assert [weight > 0 for weight in got["weights"]] == scored, (make.__name__, row, got, scored)


def alpaca(instruction, given, output):
    section = f"### Input:\n{given}\n\n" if given else ""
    prompt = f"### Instruction:\n{instruction}\n\n{section}### Response:\n"
    return {"instruction": instruction, "input": given, "output": output}, prompt + output, len(prompt)


def main():
    driver = Driver(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        compare_texts(driver, folder)
        count = compare_templates(driver, folder)
        assert count >= 150, count
        print(f"{count} conversations have the masks of transformers")


main()
