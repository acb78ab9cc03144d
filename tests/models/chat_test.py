"""Conversations, stop texts, logprobs and generation_config.json through the program, against transformers.

Usage: chat_test.py PROGRAM FOLDER
"""

import json
import pathlib
import sys
import tempfile
import unittest

import torch
import transformers

import quietly
from malformed_inputs import write_folder
from program import Many

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
NEW_TOKENS = 12
TEMPLATE = ("{{ bos_token }}{% for m in messages %}{{ m.role|upper }}: {{ m.content|trim }}\n{% endfor %}"
            "{% if add_generation_prompt %}BOT:{% endif %}")


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name, "model")
        write_folder(cls.folder)
        (cls.folder / "tokenizer_config.json").write_text(json.dumps(
            {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "A", "chat_template": TEMPLATE}))
        cls.tokenizer = transformers.AutoTokenizer.from_pretrained(cls.folder)
        cls.model = transformers.AutoModelForCausalLM.from_pretrained(cls.folder, dtype=torch.float32).eval()

    def generate(self, *options):
        return json.loads(PROGRAM.text("generate", "--model", self.folder, "--max-new-tokens", NEW_TOKENS,
                                       "--device", "cpu", "--threads", 1, "--ignore-eos", "--json", *options))

    def reference(self, ids, **more):
        prompt = torch.tensor([ids])
        self.model.generation_config.eos_token_id = None
        return self.model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, pad_token_id=0,
                                   max_new_tokens=NEW_TOKENS, output_logits=True, return_dict_in_generate=True,
                                   **more)

    def ids(self, *messages):
        return self.tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in messages], add_generation_prompt=True,
            return_dict=False)

    def test_a_prompt_becomes_a_conversation(self):
        made = self.generate("--chat", "--prompt", "  ABC ")
        ids = self.ids(("user", "  ABC "))
        self.assertEqual(made["output_ids"], [self.reference(ids).sequences[0, len(ids):].tolist()])
        made = self.generate("--chat", "--system", "BE", "--prompt", "ABC")
        ids = self.ids(("system", "BE"), ("user", "ABC"))
        self.assertEqual(made["output_ids"], [self.reference(ids).sequences[0, len(ids):].tolist()])

    def test_a_file_holds_whole_conversations(self):
        turns = [("system", "BE"), ("user", "ABC"), ("assistant", "CBA"), ("user", "B")]
        first = [{"role": role, "content": content} for role, content in turns]
        second = [{"content": " D ", "role": "user"}]
        want = [self.reference(ids).sequences[0, len(ids):].tolist()
                for ids in (self.ids(*turns), self.ids(("user", " D ")))]
        file = self.folder / "talk.json"
        for content, wanted in ((first, want[:1]), ({"messages": first}, want[:1]),
                                ([first, {"messages": second, "tools": None}], want)):
            file.write_text(json.dumps(content))
            self.assertEqual(self.generate("--chat-file", file)["output_ids"], wanted)
        for content, words in (("[", "not JSON"), ("3", "no list of messages"), ("[]", ": the list of messages is empty: "),
                               ('[{"content": "a"}]', ": message 0 has no role: "),
                               ('[3]', ": message 0 is no object: "),
                               ('[{"role": "user"}, 1]', "message 1 is no object: "),
                               ('{"messages": [{"role": 1}]}', "message 0 has a role that is no text"),
                               ('[[], []]', "conversation 0: the list of messages is empty"),
                               ('[[{"role": "user"}], 3]', "conversation 1: no list of messages"),
                               ('{"messages": [{"role": "user", "content": "A"}], "tool": 1}', "key 'tool' is unknown")):
            file.write_text(content)
            done = PROGRAM.run("generate", "--model", self.folder, "--chat-file", file, "--device", "cpu", text=True)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
            self.assertIn(words, done.stderr)

    def test_tools_reach_the_template(self):
        template = self.folder / "chat_template.jinja"
        template.write_text("{{ tools[0].name }}{{ messages[0].content[0].text }}{{ messages[0].note }}")
        file = self.folder / "talk.json"
        file.write_text(json.dumps({"messages": [{"role": "user", "content": [{"text": "AB"}], "note": "C"}],
                                    "tools": [{"name": "XYZ"}]}))
        try:
            ids = self.tokenizer("XYZABC", add_special_tokens=False).input_ids
            self.assertEqual(self.generate("--chat-file", file)["output_ids"],
                             [self.reference(ids).sequences[0, len(ids):].tolist()])
        finally:
            template.unlink()

    def test_an_imported_folder_talks_and_ends_the_same(self):
        (self.folder / "generation_config.json").write_text(json.dumps({"repetition_penalty": 1.3}))
        (self.folder / "chat_templates").mkdir()
        (self.folder / "chat_templates/default.jinja").write_text(TEMPLATE + "X")
        imported = self.folder.parent / "imported"
        try:
            PROGRAM.text("import", self.folder, "--output", imported)
            made = self.generate("--chat", "--prompt", "ABC")
            options = ["--chat", "--prompt", "ABC", "--max-new-tokens", NEW_TOKENS, "--device", "cpu",
                       "--threads", 1, "--ignore-eos", "--json"]
            again = json.loads(PROGRAM.text("generate", "--model", imported, *options))
            self.assertEqual(made["output_ids"], again["output_ids"])
        finally:
            (self.folder / "generation_config.json").unlink()
            (self.folder / "chat_templates/default.jinja").unlink()
            (self.folder / "chat_templates").rmdir()
        self.assertNotEqual(made["output_ids"], self.generate("--chat", "--prompt", "ABC")["output_ids"])

    def test_a_file_of_its_own_wins(self):
        file = self.folder / "chat_template.jinja"
        file.write_text("{{ messages[0].content * 2 }}")
        try:
            ids = transformers.AutoTokenizer.from_pretrained(self.folder).apply_chat_template(
                [{"role": "user", "content": "AB"}], return_dict=False)
            made = self.generate("--chat", "--prompt", "AB")
            self.assertEqual(made["output_ids"], [self.reference(ids).sequences[0, len(ids):].tolist()])
        finally:
            file.unlink()

    def test_logprobs_are_those_of_the_logits(self):
        made = self.generate("--input-ids", "5,6,7", "--logprobs", "4")
        want = self.reference([5, 6, 7])
        self.assertEqual(len(made["logprobs"][0]), NEW_TOKENS)
        for token, logits, took in zip(made["logprobs"][0], want.logits, want.sequences[0, 3:], strict=True):
            logprobs = logits[0].double().log_softmax(-1)
            self.assertEqual(token["id"], int(took))
            self.assertAlmostEqual(token["logprob"], float(logprobs[took]), delta=1e-3)
            best = logprobs.topk(4)
            self.assertEqual([one["id"] for one in token["top"]], best.indices.tolist())
            for one, value in zip(token["top"], best.values.tolist(), strict=True):
                self.assertAlmostEqual(one["logprob"], value, delta=1e-3)

    def test_a_text_ends_before_its_stop_text(self):
        whole = self.generate("--prompt", "ABC")
        text = whole["text"][0]
        for begin in range(0, len(text) - 3, max(3, len(text) // 4)):
            stop = text[begin:begin + 3]
            with self.subTest(stop=stop):
                made = self.generate("--prompt", "ABC", "--stop", stop, "--stop", "never there")
                self.assertEqual(made["text"][0], text[:text.index(stop)])
                count = len(made["output_ids"][0])
                self.assertEqual(made["output_ids"][0], whole["output_ids"][0][:count])
                self.assertIn(stop, self.tokenizer.decode(made["output_ids"][0]))
                self.assertNotIn(stop, self.tokenizer.decode(made["output_ids"][0][:-1]))
                streamed = PROGRAM.text("generate", "--model", self.folder, "--max-new-tokens", NEW_TOKENS, "--device",
                                        "cpu", "--threads", 1, "--ignore-eos", "--prompt", "ABC", "--stop", stop)
                self.assertEqual(streamed, text[:text.index(stop)] + "\n")

    def test_generation_config_sets_what_is_not_given(self):
        file = self.folder / "generation_config.json"
        plain = self.reference([5, 6, 7]).sequences[0, 3:].tolist()
        settings = {"repetition_penalty": 1.7, "no_repeat_ngram_size": 2, "suppress_tokens": [plain[0], plain[3]]}
        file.write_text(json.dumps({**settings, "do_sample": True, "temperature": 5.0, "top_k": 3}))
        try:
            want = self.reference([5, 6, 7], **settings).sequences[0, 3:].tolist()
            self.assertNotEqual(want, plain)
            self.assertEqual(self.generate("--input-ids", "5,6,7")["output_ids"], [want])
            del settings["repetition_penalty"]
            want = self.reference([5, 6, 7], **settings).sequences[0, 3:].tolist()
            self.assertEqual(
                self.generate("--input-ids", "5,6,7", "--repetition-penalty", "1")["output_ids"], [want])
            more = {"bad_words_ids": [[plain[0]], [plain[0], plain[1]]], "sequence_bias": [[[plain[2]], -9.0]],
                    "min_new_tokens": 6, "forced_eos_token_id": 3}
            file.write_text(json.dumps({**more, "num_beams": 2}))
            want = self.reference([5, 6, 7], **more).sequences[0, 3:].tolist()
            self.assertEqual((want[-1], len(want)), (3, NEW_TOKENS))
            self.assertEqual(self.generate("--input-ids", "5,6,7")["output_ids"], [want])
            done = PROGRAM.run("generate", "--model", self.folder, "--input-ids", "5", "--max-new-tokens", 1,
                               "--device", "cpu", text=True)
            self.assertIn("generation_config.json: num_beams is not followed", done.stderr)
            file.write_text(json.dumps({"eos_token_id": [plain[1]], "min_new_tokens": 6, "max_length": 11}))
            self.model.generation_config.eos_token_id = plain[1]
            want = self.model.generate(torch.tensor([[5, 6, 7]]), do_sample=False, pad_token_id=0, min_new_tokens=6,
                                       max_length=11)[0, 3:].tolist()
            made = json.loads(PROGRAM.text("generate", "--model", self.folder, "--input-ids", "5,6,7", "--device",
                                           "cpu", "--threads", 1, "--json"))["output_ids"]
            self.assertEqual(made, [want])
            text = self.generate("--prompt", "ABC")["text"][0]
            file.write_text(json.dumps({"stop_strings": text[4:6]}))
            self.assertEqual(self.generate("--prompt", "ABC")["text"][0], text[:text.index(text[4:6])])
            file.write_text(json.dumps({"eos_token_id": [1, plain[4]], "max_new_tokens": 7}))
            made = json.loads(PROGRAM.text("generate", "--model", self.folder, "--input-ids", "5,6,7", "--device",
                                           "cpu", "--threads", 1, "--json"))["output_ids"]
            self.assertEqual(made, [plain[:min(plain.index(plain[4]) + 1, 7)]])
        finally:
            file.unlink()


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
