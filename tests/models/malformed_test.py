"""Each malformed input through the program: its exact error line and status, and nothing half written.

Usage: malformed_test.py PROGRAM FOLDER [--update]
--update writes malformed.golden, which holds a line for each row of the tables.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import malformed_files
import malformed_runs
from malformed_inputs import copy, write_folder, write_gguf, write_sharded
from program import Many, Refused

GOLDEN = pathlib.Path(__file__).with_name("malformed.golden")
SECONDS = 60  # longer is a hang, even on a busy machine
SOURCES = {"safetensors": "model", "sharded": "sharded", "config.json": "model",
           "gguf": "model.gguf"}


def settled(line):
    """The line without the parts that differ from run to run: process ids and the sizes of a plan."""
    line = re.sub(r"\.part-\d+", ".part-PID", line)
    return re.sub(r"(--device-memory: .* give at least )\d+ \(.*?\)", r"\1N", line)


class Table:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.lines, self.failures = [], []

    def fail(self, row, words):
        self.failures.append(f"{row}: {words}")

    def run(self, row, arguments, folder):
        """Runs one row in its folder; keeps its line."""
        before = sorted(folder.rglob("*"))
        done = subprocess.run([self.program.path, *arguments], cwd=folder, timeout=SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = done.stderr.decode()
        if done.returncode not in (1, 2) or not re.fullmatch(r"error: .*\n", line) or done.stdout:
            self.fail(row, f"status {done.returncode}, printed {line!r}")
        if sorted(folder.rglob("*")) != before:
            self.fail(row, "it left files behind")
        self.lines.append(f"{row} | {done.returncode} | {settled(line.strip())}")

    def files(self):
        """Damaged files, each read by the cheapest command that reads them."""
        rows = [(kind, SOURCES[kind], ["plan", "--device", "cpu"], *row)
                for kind, table in malformed_files.FORMATS.items() for row in table]
        rows += [("tokenizer.json", "model", ["tokenize", "--text", "abc"], *row)
                 for row in malformed_files.TOKENIZER]
        generate = ["generate", "--device", "cpu", "--prompt", "ABC"]
        rows += [("chat", "model", [*generate, "--chat"], *row) for row in malformed_files.CHAT]
        drawn = [*generate, "--temperature", "1"]
        rows += [("generation_config.json", "model", drawn, *row)
                 for row in malformed_files.GENERATION]
        for kind, source, command, name, damage in rows:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                model = pathlib.Path(folder, source)
                copy(self.folder / source, model)
                damage(model)
                self.run(f"{kind}: {name}", [*command, "--model", source], pathlib.Path(folder))

    def runs(self):
        """Calls that cannot be carried out, in a folder of their own."""
        folder = self.folder / "runs"
        for path, data in malformed_runs.FILES.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        (folder / "nothing").mkdir()
        copy(self.folder / "model", folder / "model")
        for name, arguments in malformed_runs.RUNS:
            self.run(f"run: {name}", arguments, folder)

    def least_memory(self):
        """The least device memory that a refusal names is enough, and one byte less is not."""
        for model in ("model", "model.gguf"):
            for tier in ("device", "cpu", "nvme"):
                def generate(*more):
                    self.program.generate(self.folder / model, [[1, 2, 3]], 2, "--offload", tier,
                                          *more)
                least = self.program.least_memory(generate)
                generate("--device-memory", least)
                try:
                    generate("--device-memory", least - 1)
                    self.fail(f"least memory: {model}, {tier}", f"{least - 1} bytes are enough")
                except Refused as refused:
                    words = re.sub(r" \(\S+ \S+\)", "", str(refused))  # the size in its unit
                    if not words.endswith(f"give at least {least}" + (
                            ", or choose a tier with --offload" if tier == "device" else "")):
                        self.fail(f"least memory: {model}, {tier}", str(refused))


def main():
    path, parent, *mode = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = pathlib.Path(name)
        write_folder(folder / "model")
        write_sharded(folder / "sharded")
        write_gguf(folder / "model.gguf")
        table = Table(Many(path), folder)
        table.files()
        table.runs()
        table.least_memory()
        table.program.close()
    text = "".join(line + "\n" for line in table.lines)
    if mode == ["--update"]:
        GOLDEN.write_text(text)
    else:
        want = GOLDEN.read_text().splitlines()
        table.failures += [f"not as it was: {line}" for line in table.lines if line not in want]
        table.failures += [f"no longer there: {line}" for line in want if line not in table.lines]
    print(*table.failures, sep="\n")
    print(f"{len(table.lines)} rows, {len(table.failures)} failures")
    return 1 if table.failures else 0


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    sys.exit(main())
