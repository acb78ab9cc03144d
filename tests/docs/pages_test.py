"""Every block of README.md, docs/ and examples/ runs, compiles or parses as it stands there, and every
command that stands in backticks exists.

Usage: pages_test.py PROGRAM SMOLLM2.gguf
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest

from blocks import TREE, blocks, pages, spans
from stand_ins import described_model, small_adapter, small_model

PROGRAM, GGUF = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
GPU = any(pathlib.Path("/dev").glob("nvidia[0-9]*"))

# Lines of sh that do not run here: the page or "", a pattern of the line, and the reason.
SKIPPED = [
    ("", r"^\./dev (demo|test|build|install|bench|chroot)\b",
     "it installs packages or takes minutes; that the command exists is tested"),
    ("", r"^strata download ", "it needs a network; tests/hub runs it against a server of its own"),
    *([] if GPU else [("", r"--device cuda\b", "it needs a GPU")]),
    ("docs/plugins.md", r"", "tests/package walks through that page"),
    ("docs/ranks.md", r"^(torchrun|mpirun|srun) ", "tests/proofs runs the launchers that are here"),
    ("examples/embed/README.md", r"", "tests/package builds that example and runs it"),
]
# Blocks that are a line of a file of the tests; alone they parse but do not run.
FRAGMENTS = {("docs/describe-a-model.md", "python"): "row(",
             ("docs/plugins.md", "python"): "import safetensors.torch, torch\ntensors ="}
# Statements of a family in C++ stand within its functions.
WITHIN = """
#include <strata/model.hpp>
[[maybe_unused]] static void part([[maybe_unused]] strata::Declarer& d,
    [[maybe_unused]] const strata::Ops& op, [[maybe_unused]] const strata::Tensor& q,
    [[maybe_unused]] const strata::Tensor& k, [[maybe_unused]] const strata::Tensor& v) {
  [[maybe_unused]] const int64_t D = 8, F = 8, window = 4;
  [[maybe_unused]] const uint32_t X = 2, layer = 0;
%s;
}
"""

used = set()


def skipped(page, line):
    for number, (where, pattern, _) in enumerate(SKIPPED):
        if where in ("", page) and re.search(pattern, line):
            used.add(number)
            return True
    return False


def statements(text):
    """The lines of a script; a backslash or a here-document continues a line."""
    out, word = [], None
    for line in text.splitlines():
        if word or (out and out[-1].endswith("\\")):
            out[-1] += "\n" + line
            word = None if line == word else word
        else:
            out.append(line)
            here = re.search(r"<<'?(\w+)", line)
            word = here and here[1]
    return out


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="strata-docs-")
        place = pathlib.Path(cls.folder.name)
        (place / "bin").mkdir()
        (place / "bin/strata").symlink_to(PROGRAM)
        (place / "bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (place / "bin/python").chmod(0o755)
        cls.adapter = small_adapter(place / "adapter")
        cls.models = {"": small_model(place / "small"),
                      "docs/describe-a-model.md": described_model(place / "described")}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def place_of(self, page):
        """A folder with the files that a reader of the page has."""
        place = pathlib.Path(self.folder.name, page.replace("/", "-"))
        if not place.exists():
            (place / "mine").mkdir(parents=True)
            (place / "examples").symlink_to(TREE / "examples")
            shutil.copy(TREE / "plugins/models/generic/descriptions/granite.toml", place)
            rates = {"disk": 3e9, "link": 8e9, "memory": 15e9, "compute": 1e11}
            (place / "rates.json").write_text(json.dumps(rates))
        return place

    def filled_in(self, page, text):
        """The text with values for the words that a reader replaces."""
        model = self.models.get(page, self.models[""])
        for word, value in (("MODEL", model), ("SHAPE", model / "config.json"),
                            ("FOLDER", "made"), ("ADAPTER", self.adapter), ("FILE.gguf", GGUF)):
            text = re.sub(rf"(?<![\w/.]){re.escape(word)}(?![\w.])", str(value), text)
        return text

    def run_here(self, page, words, **how):
        environment = {**os.environ, "PATH": f"{self.folder.name}/bin:{os.environ['PATH']}",
                       "HOME": self.folder.name, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(words, cwd=self.place_of(page), env=environment, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **how)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout}")

    def sh(self, block):
        for line in statements(block.text):
            if not line.split("#")[0].strip() or skipped(block.page, line):
                continue
            self.run_here(block.page, ["bash", "-euc", self.filled_in(block.page, line)])

    def python(self, block):
        compile(block.text, block.page, "exec")
        if not block.text.startswith(FRAGMENTS.get((block.page, "python"), "\0")):
            self.run_here(block.page, [sys.executable, "-c", self.filled_in(block.page, block.text)])

    def toml(self, block):
        self.assertTrue(tomllib.loads(block.text))

    def json(self, block):
        whole = block.text if block.text.lstrip().startswith(("{", "[")) else "{" + block.text + "}"
        self.assertTrue(json.loads(whole))

    def cpp(self, block):
        whole = "#include" in block.text
        self.compiles("g++", "-std=c++20", "-xc++", block.text if whole else WITHIN % block.text)

    def c(self, block):
        self.compiles("gcc", "-std=c11", "-xc", block.text)

    def compiles(self, compiler, standard, language, text):
        done = subprocess.run([compiler, standard, language, "-Wall", "-Wextra", "-Werror",
                               "-fsyntax-only", f"-I{TREE}/sdk/include", "-"], input=text,
                              text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def cmake(self, block):
        """A statement is known to CMake or to the package; tests/package configures the page's."""
        done = subprocess.run(["cmake", "--help-command-list"], text=True, capture_output=True)
        own = re.findall(r"(?m)^function\((\w+)", (TREE / "cmake/plugin.cmake").read_text())
        known = {*done.stdout.split(), *own}
        for name in re.findall(r"(?m)^\s*(\w+)\(", block.text):
            self.assertIn(name, known)

    def test_blocks(self):
        kinds = {"sh": self.sh, "python": self.python, "toml": self.toml, "json": self.json,
                 "cpp": self.cpp, "c": self.c, "cmake": self.cmake}
        for page in pages():
            for block in blocks(page):
                if block.language == "":  # a drawing
                    self.assertNotRegex(block.text, r"(?m)^(\$ )?(strata|\./dev|cmake) ",
                                        f"{page}:{block.line}: a command in a block without language")
                    continue
                with self.subTest(f"{page}:{block.line}", language=block.language):
                    self.assertIn(block.language, kinds)
                    kinds[block.language](block)
        stale = [SKIPPED[i] for i in range(len(SKIPPED)) if i not in used]
        self.assertEqual(stale, [], "nothing is left that is skipped for these reasons")

    def test_commands_exist(self):
        page = subprocess.run([PROGRAM, "--help-markdown"], capture_output=True, text=True).stdout
        options = set(re.findall(r"`(--?[a-z][\w-]*)", page))
        known = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True).stdout
        for where in pages():
            lines = [line for block in blocks(where) if block.language == "sh"
                     for line in statements(block.text)]
            for text in [*spans(where), *lines]:
                with self.subTest(where, text=text):
                    words = text.split("#")[0].split()
                    if words[:1] == ["./dev"] and len(words) > 1 and words[1] != "help":
                        self.assertTrue((TREE / f"cmake/dev/{words[1]}.sh").exists())
                    elif words[:1] == ["strata"] and len(words) == 2 and words[1].startswith("--"):
                        subprocess.run([PROGRAM, words[1]], check=True, stdout=subprocess.DEVNULL)
                    elif words[:1] == ["strata"] and len(words) > 1:
                        if not words[1].startswith("-"):
                            self.assertRegex(known, rf"(?m)^\s+{words[1]}\b")
                        for option in re.findall(r"(?<=\s)--[a-z][\w-]*", text.split("#")[0]):
                            self.assertTrue(option in options or option in known, option)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
