"""How a conversation becomes a prompt, and where its answer ends: against transformers, and by llama.cpp's rule for GGUF.

Usage: conversations_test.py PROGRAM FOLDER
"""

import json
import pathlib
import sys
import tempfile
import unittest

import gguf
import numpy as np
import safetensors.numpy
import tokenizers
import torch
import transformers

import quietly
from malformed_inputs import CONFIG, D, weights, write_gguf
from program import Many, Refused

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
OPTIONS = ["--device", "cpu", "--threads", 1, "--json"]
USER = [{"role": "user", "content": "AB"}]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}]
LETTERS = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
ROWS = 320  # one for each byte, and some for added tokens
SHORT, LONG = "D{{ messages[-1].content }}", "T{{ tools|length }}{{ messages[-1].content }}"


def tokenizer():
    """Byte-level, without merges."""
    out = tokenizers.Tokenizer(tokenizers.models.BPE({letter: i for i, letter in enumerate(LETTERS)}, []))
    out.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    out.decoder = tokenizers.decoders.ByteLevel()
    return json.loads(out.to_str())


def write_folder(folder):
    folder.mkdir()
    rng = np.random.default_rng(5)
    tables = {name: rng.standard_normal((ROWS, D)).astype(np.float32)
              for name in ("model.embed_tokens.weight", "lm_head.weight")}
    tables["lm_head.weight"][94:] = 0  # what is no letter of ASCII is never the likeliest
    safetensors.numpy.save_file({**weights(), **tables}, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**CONFIG, "vocab_size": ROWS}))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))


class Conversations(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name, "model")
        write_folder(self.folder)

    def write(self, name, content):
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return file

    def configure(self, template=None, tokenizer_class="PreTrainedTokenizerFast", **more):
        self.write("tokenizer_config.json", {"tokenizer_class": tokenizer_class, **more,
                                             **({"chat_template": template} if template else {})})

    def generate(self, *options, model=None, new_tokens=4):
        return json.loads(PROGRAM.text("generate", "--model", model or self.folder, "--max-new-tokens", new_tokens,
                                       *OPTIONS, *options))

    def made(self, ids, *options, **more):
        return self.generate("--input-ids", ",".join(map(str, ids)), "--ignore-eos", *options, **more)

    def assert_prompt(self, text, talk, *options, model=None):
        """Checks that the conversation and the text give the same prompt."""
        read = transformers.AutoTokenizer.from_pretrained(self.folder)
        want = self.made(read(text, add_special_tokens=False).input_ids, "--logprobs", 2, model=model)
        file = self.write("talk.json", talk)
        got = self.generate("--chat-file", file, "--ignore-eos", "--logprobs", 2, *options, model=model)
        self.assertEqual(got["logprobs"], want["logprobs"], text)

    def assert_as_transformers(self, messages, *options, tools=None, talk=None, **variables):
        read = transformers.AutoTokenizer.from_pretrained(self.folder)
        text = read.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True, **variables)
        self.assert_prompt(text, talk or {"messages": messages, "tools": tools}, *options)
        return text

    def test_tools_take_the_template_of_that_name(self):
        for template in ([{"name": "default", "template": SHORT}, {"name": "tool_use", "template": LONG}],
                         {"default": SHORT, "tool_use": LONG}):
            self.configure(template)
            self.assertEqual(self.assert_as_transformers(USER, tools=TOOLS), "T1AB")
            self.assertEqual(self.assert_as_transformers(USER, tools=[]), "T0AB")
            self.assertEqual(self.assert_as_transformers(USER), "DAB")
        self.configure("X")
        self.write("chat_template.jinja", SHORT)
        self.assertEqual(self.assert_as_transformers(USER, tools=TOOLS), "DAB")
        self.write("additional_chat_templates/tool_use.jinja", LONG)
        self.assertEqual(self.assert_as_transformers(USER, tools=TOOLS), "T1AB")
        imported = self.folder.parent / "imported"
        PROGRAM.text("import", self.folder, "--output", imported)
        self.assert_prompt("T1AB", {"messages": USER, "tools": TOOLS}, model=imported)
        self.configure([{"name": "rag", "template": SHORT}])
        for file in self.folder.rglob("*.jinja"):
            file.unlink()
        with self.assertRaisesRegex(Refused, "no chat template named default, but rag"):
            self.generate("--chat", "--prompt", "A")

    def test_templates_and_ends_of_gguf_are_kept_by_import(self):
        def templates(out):
            out.add_chat_template([{"name": "default", "template": SHORT}, {"name": "tool_use", "template": LONG}])
            out.add_eos_token_id(2), out.add_eot_token_id(5)
            out.add_uint32("tokenizer.ggml.eom_token_id", 7)
        file, imported = self.folder / "model.gguf", self.folder.parent / "imported"
        self.gguf(file, templates)
        PROGRAM.text("import", file, "--output", imported)
        for model in (file, imported):
            self.assert_prompt("T1AB", {"messages": USER, "tools": TOOLS}, model=model)
            self.assert_prompt("DAB", USER, model=model)
        config = transformers.GenerationConfig.from_pretrained(imported)
        self.assertEqual(config.eos_token_id, [2, 5, 7])
        read = transformers.AutoTokenizer.from_pretrained(imported)
        self.assertEqual(read.apply_chat_template(USER, tools=TOOLS, tokenize=False), "T1AB")

    def gguf(self, file, add, tokens=None):
        writer, spelled = gguf.GGUFWriter.write_header_to_file, gguf.GGUFWriter.add_token_list

        def header(out, *arguments):
            add(out)
            return writer(out, *arguments)
        gguf.GGUFWriter.write_header_to_file = header
        gguf.GGUFWriter.add_token_list = lambda out, own: spelled(out, tokens or own)
        try:
            write_gguf(file)
        finally:
            gguf.GGUFWriter.write_header_to_file, gguf.GGUFWriter.add_token_list = writer, spelled

    def test_a_gguf_text_ends_at_what_ends_one(self):
        file = self.folder / "model.gguf"
        self.gguf(file, lambda out: None)
        whole = self.made([5, 6, 7], model=file, new_tokens=8)["output_ids"][0]
        end = whole[2]
        want = whole[:whole.index(end) + 1]
        spelled = [("<|im_end|>" if i == end else one) for i, one in enumerate(LETTERS[:64])]
        keys = ("eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep")
        for words, add, tokens in [*((key, lambda out, key=key: out.add_uint32(f"tokenizer.ggml.{key}_token_id", end), None)
                                     for key in keys), ("spelled", lambda out: out.add_uint32("tokenizer.ggml.eot_token_id", 999), spelled)]:
            self.gguf(file, add, tokens)
            made = self.generate("--input-ids", "5,6,7", model=file, new_tokens=8)["output_ids"][0]
            self.assertEqual(made, want, words)

    def test_special_tokens_are_those_of_the_class(self):
        template = "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ image_token }}|{{ x_token }}{{ messages[0].content }}"
        for tokenizer_class, more in (
                ("GPT2Tokenizer", {}), ("Qwen2Tokenizer", {"bos_token": "A"}), ("GPTNeoXTokenizer", {"pad_token": None}),
                ("LlamaTokenizer", {}), ("PreTrainedTokenizerFast", {"extra_special_tokens": {"image_token": "B"}}),
                ("CohereTokenizer", {"x_token": "C", "eos_token": {"__type": "AddedToken", "content": "D"}})):
            self.configure(template, tokenizer_class, **more)
            self.assert_as_transformers(USER)
        self.configure(template)
        self.write("special_tokens_map.json", {"bos_token": {"content": "E", "lstrip": False}, "pad_token": "F"})
        self.assertEqual(self.assert_as_transformers(USER), "E||F||AB")

    def test_variables_reach_the_template(self):
        self.configure("{{ messages[-1].content }}{% if enable_thinking is defined and enable_thinking is false %}X{% endif %}"
                       "{{ effort }}{{ bos_token }}{% if add_generation_prompt %}G{% endif %}", bos_token="A")
        off = '{"enable_thinking": false, "effort": "low", "bos_token": "Q"}'
        want = self.assert_as_transformers(USER, "--chat-template-kwargs", off, **json.loads(off))
        self.assertEqual(want, "ABXlowQG")
        self.assert_prompt(want, {"messages": USER, "chat_template_kwargs": json.loads(off)})
        self.assert_prompt("ABX3AG", {"messages": USER, "enable_thinking": False, "effort": 3})
        self.assert_prompt("AB4AG", {"messages": USER, "effort": 3}, "--chat-template-kwargs", '{"effort": 4}')
        self.assert_prompt("ABA", USER, "--chat-template-kwargs", '{"add_generation_prompt": false}')
        for talk, options, words in (({"messages": USER, "thinking": 1}, [], "key 'thinking' is unknown"),
                                     ({"messages": USER, "chat_template_kwargs": 1}, [], "is no object of variables"),
                                     (USER, ["--chat-template-kwargs", "[1]"], "'\\[1\\]' is no JSON object"),
                                     (USER, ["--chat-template-kwargs", '{"messages": 1}'], "is no variable of a template")):
            with self.assertRaisesRegex(Refused, words) as refused:
                self.generate("--chat-file", self.write("talk.json", talk), *options)
            self.assertEqual(refused.exception.status, 2 if options else 1)

    def test_messages_lose_null_keys_and_name_their_reasoning(self):
        self.configure("{% for m in messages %}{{ m.content is defined }}{{ m.reasoning_content }}{{ m.thinking }}"
                       "{{ m.keys()|list|length }}{% endfor %}")
        for more in ({"reasoning": "R"}, {"thinking": "T", "reasoning": "R"}, {"reasoning_content": "C", "thinking": "T"},
                     {"thinking": None}):
            messages = [*USER, {"role": "assistant", "content": None, "tool_calls": None, **more}]
            self.assert_as_transformers(messages)

    def test_a_stop_text_may_have_special_tokens_in_it(self):
        plain = self.made([5, 6, 7], new_tokens=8)["output_ids"][0]
        special = plain[3]
        made = tokenizer()
        made["added_tokens"] = [{"id": special, "content": LETTERS[special], "special": True, "normalized": False,
                                 "single_word": False, "lstrip": False, "rstrip": False}]
        self.write("tokenizer.json", made)
        self.configure()
        read = transformers.AutoTokenizer.from_pretrained(self.folder)
        model = transformers.AutoModelForCausalLM.from_pretrained(self.folder, dtype=torch.float32).eval()
        model.generation_config.eos_token_id = None
        for begin, end in ((3, 4), (2, 4), (3, 5), (2, 5)):
            stop = "".join(LETTERS[i] for i in plain[begin:end])
            want = model.generate(torch.tensor([[5, 6, 7]]), do_sample=False, pad_token_id=0, max_new_tokens=8,
                                  stop_strings=[stop], tokenizer=read)[0, 3:].tolist()
            got = self.generate("--input-ids", "5,6,7", "--ignore-eos", "--stop", stop, new_tokens=8)
            self.assertEqual(got["output_ids"][0], want, stop)
            whole = "".join(LETTERS[i] for i in want)
            self.assertEqual(got["text"][0], whole[:whole.index(stop)].replace(LETTERS[special], ""), stop)
        self.write("generation_config.json", {"stop_strings": LETTERS[special]})
        got = self.generate("--input-ids", "5,6,7", "--ignore-eos", new_tokens=8)
        self.assertEqual(got["output_ids"][0], plain[:plain.index(special) + 1])

    def test_tokenizing_needs_no_weights(self):
        file = self.folder / "vocabulary.gguf"
        self.gguf(file, lambda out: out.tensors[0].clear())
        ids = json.loads(PROGRAM.text("tokenize", "--model", self.folder, "--text", "HELLO", "--json"))["ids"]
        for name in ("model.safetensors", "config.json"):
            (self.folder / name).unlink()
            self.assertEqual(self.ids(self.folder), ids)
        self.assertEqual(self.ids(file), ids)
        (self.folder / "tokenizer.json").unlink()
        self.assertEqual(self.ids(self.folder), ids)
        file.unlink()
        with self.assertRaisesRegex(Refused, "it has no tokenizer"):
            self.ids(self.folder)

    def ids(self, model):
        return json.loads(PROGRAM.text("tokenize", "--model", model, "--text", "HELLO", "--json"))["ids"]


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
