"""SmolLM2 in `strata chat`, driven through a terminal, and runs that signals end.

Usage: conversation_test.py PROGRAM FOLDER MODEL
"""

import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM, MODEL = sys.argv[1], sys.argv[3]
LIMIT = 240  # seconds for each wait


def said(stderr):
    """The lines that were said, but for the progress that a slow machine shows."""
    return "".join(line for line in stderr.splitlines(True) if not line.startswith("loading: "))


class Terminal:
    """The program with a terminal of its own."""

    def __init__(self, *arguments):
        self.text = b""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            os.execv(PROGRAM, [PROGRAM, *arguments])

    def read(self):
        ready, _, _ = select.select([self.file], [], [], LIMIT)
        if not ready:
            raise TimeoutError(self.text)
        try:
            piece = os.read(self.file, 4096)
        except OSError:  # the program ended
            piece = b""
        self.text += piece
        return piece

    def until(self, word):
        """The output up to the word; removes both from the text."""
        while word not in self.text:
            if not self.read():
                raise EOFError(self.text)
        before, _, self.text = self.text.partition(word)
        return before

    def send(self, text):
        os.write(self.file, text)

    def end(self):
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Conversation(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.saved = pathlib.Path(temporary.name, "saved.json")

    def test_an_end_typed_during_an_answer_ends_the_program_after_it(self):
        terminal = Terminal("chat", MODEL, "-n", "30")
        terminal.until(b"> ")
        terminal.send(b"Count to ten.\r")
        terminal.until(b"Count to ten.\r\n")
        terminal.send(b"\x04")
        self.assertEqual(terminal.end(), 0)

    def test_five_turns_on_a_terminal(self):
        terminal = Terminal("chat", MODEL, "-n", "3", "--system", "Be brief.")
        for turn in range(5):
            terminal.until(b"> ")
            terminal.send(b"Say a word.\r" if turn else b"Hello, who are you?\r")
        terminal.until(b"> ")
        terminal.send(b"/save " + str(self.saved).encode() + b"\r")
        terminal.until(b"is saved.")
        terminal.until(b"> ")
        terminal.send(b"half a line\x03")  # Ctrl-C drops it
        terminal.until(b"> ")
        terminal.send(b"\x04")
        self.assertEqual(terminal.end(), 0)
        messages = json.loads(self.saved.read_text())["messages"]
        self.assertEqual([one["role"] for one in messages], ["system"] + ["user", "assistant"] * 5)
        self.assertTrue(all(one["content"] for one in messages))
        # Turns that reuse the session's KV cache give the same text as one run over the conversation.
        asked = self.saved.with_name("asked.json")
        asked.write_text(json.dumps(messages[:-1]))
        done = subprocess.run([PROGRAM, "generate", MODEL, "--chat-file", asked, "-n", "3",
                               "--json"], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["text"], [messages[-1]["content"]])

    def test_ctrl_c_ends_the_answer_and_not_the_program(self):
        terminal = Terminal("chat", MODEL, "-n", "1000")
        terminal.until(b"> ")
        terminal.send(b"Write a long story about a ship.\r")
        terminal.until(b"ship.")
        while len(terminal.text.strip()) < 2:  # the answer has begun
            terminal.read()
        terminal.send(b"\x03")
        terminal.until(b"> ")
        terminal.send(b"/quit\r")
        self.assertEqual(terminal.end(), 0)

    def test_lines_that_no_terminal_sends(self):
        done = subprocess.run([PROGRAM, "chat", MODEL, "-n", "2", "--json"], capture_output=True,
                              input="Hello\n/regenerate\n/none\nAgain", text=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([one["finish_reason"] for one in answers], ["length"] * 3)
        self.assertEqual(answers[0]["content"], answers[1]["content"])
        self.assertGreater(answers[2]["reused_tokens"], answers[0]["prompt_tokens"])
        self.assertEqual(done.returncode, 0)
        self.assertEqual(said(done.stderr),
                         "error: '/none': unknown command: /help lists the commands\n")

    def test_a_signal_keeps_what_was_made(self):
        for number, options in ((signal.SIGINT, []), (signal.SIGTERM, ["-v"])):
            with self.subTest(number=number):
                run = subprocess.Popen([PROGRAM, "generate", MODEL, "-p", "Once upon a time", "-n",
                                        "2000", *options], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
                first = run.stdout.read(4)
                run.send_signal(number)
                rest, log = run.communicate(timeout=LIMIT)
                self.assertEqual(run.returncode, 128 + number)
                self.assertTrue(first and rest.endswith(b"\n"), rest)
                self.assertEqual(b"tokens/s" in log, bool(options))

    def test_the_json_of_a_run_counts_its_tokens(self):
        done = subprocess.run([PROGRAM, "generate", MODEL, "-p", "Hello", "-n", "4", "--json",
                               "--temperature", "1"], capture_output=True, text=True, check=True)
        out = json.loads(done.stdout)
        self.assertEqual(out["finish_reason"], ["length"])
        self.assertEqual(len(out["token_texts"][0]), 4)
        self.assertEqual("".join(out["token_texts"][0]), out["text"][0])
        self.assertEqual(out["prompt_tokens"], [1])
        self.assertEqual(said(done.stderr), f"strata: seed {out['report']['seed']}\n")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
