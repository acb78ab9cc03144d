"""The built program as a user runs it: statuses, exact error lines, help and documentation.

Usage: program_test.py PROGRAM FOLDER-OF-FAKE-PLUGINS [--update]
--update writes help.golden and docs/configuration.md instead of comparing them.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM, FAKES = sys.argv[1], pathlib.Path(sys.argv[2])
COMMANDS = ["generate", "chat", "logits", "perplexity", "tokenize", "import", "download", "plan", "bench", "finetune",
            "quantize", "plugins list", "plugins check", "plugins new", "completion"]


def strata(*arguments, **more):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60,
                          env={**environment, **more})


def help_text():
    pages = [strata("--help").stdout]
    pages += [strata(*command.split(), "--help").stdout for command in COMMANDS]
    return ("-" * 100 + "\n").join(pages)


# arguments, the exact line after "error: "
REFUSED = [
    (["generat"], "'generat': unknown command: did you mean 'generate'?"),
    (["plugins"],
     "'plugins': is half of a command: write one of plugins list, plugins check, plugins new"),
    (["help", "plugins"],
     "'plugins': is half of a command: write one of plugins list, plugins check, plugins new"),
    (["plugins", "--help"],
     "'plugins': is half of a command: write one of plugins list, plugins check, plugins new"),
    (["plugins", "zzzzzz"],
     "'plugins zzzzzz': unknown command: write one of plugins list, plugins check, plugins new"),
    (["plugins", "lsit"], "'plugins lsit': unknown command: did you mean 'plugins list'?"),
    (["zzz\n"], "'zzz\\x0a': unknown command: see `strata --help`"),
    (["plan", "--modle", "m"], "--modle: unknown option: did you mean '--model'?"),
    (["plan", "--qqqqqqqqqq"], "--qqqqqqqqqq: unknown option: see `strata plan --help`"),
    (["plan", "--temperature", "1"],
     "--temperature: 'plan' does not take it: leave it out, or see `strata plan --help`"),
    (["plan", "--model"], "--model: needs a value: write --model=VALUE"),
    (["plan", "--model", "m", "--json=1"],
     "--json: takes no value: leave out what follows '='"),
    (["plan", "--model", "m", "--model", "n"], "--model: given twice: give it once"),
    (["plan", "--model", "m", "stray"],
     "'stray': is not an option or its value: name its option, and put text with spaces between quotes"),
    (["import", "a", "b", "--output", "o"],
     "'b': is not an option or its value: name its option, and put text with spaces between quotes"),
    (["generate", "m", "-p", "a", "--prompt", "b"], "--prompt: given twice: give it once"),
    (["generate", "m", "-p", "a", "--one-prompt"],
     "--one-prompt: needs --prompt-file: add --prompt-file FILE"),
    (["generate", "m", "-n", "0", "-p", "a"],
     "--max-new-tokens: 0 is out of range: give at least 1"),
    (["chat", "-m", "m", "--system", "a", "--load", "b"],
     "--system: not with --load: write the system message into the file"),
    (["plan", "--model", "m", "--threads", "x"],
     "--threads: 'x' is no integer: give a whole number"),
    (["plan", "--model", "m", "--threads", "0"],
     "--threads: 0 is out of range: give at least 1"),
    (["plan", "--model", "m", "--device-memory", "24G"],
     "--device-memory: '24G' is no size: write it as 512MiB, 24GiB, 24GB or 1e9"),
    (["plan", "--model", "m", "--dtype", "int3"],
     "--dtype: 'int3' is no known value: give one of float32|bfloat16|float16|auto"),
    (["generate", "--model", "m", "--prompt", "a", "--top-p", "2"],
     "--top-p: 2.0 is out of range: give at most 1"),
    (["plan", "--model", "m", "--config", "/none.toml"],
     "/none.toml: cannot be read: give a file of settings that you may read"),
    (["plan", "--model", "m", "--set", "run.threads"],
     "--set: 'run.threads' has no '=': write section.key=value"),
    (["plan", "--model", "m", "--set", "run.thread=1"],
     "--set: unknown key 'run.thread': did you mean 'run.threads'?"),
    (["plan", "--model", "m", "--set", "run.threads=a"],
     "--set run.threads: 'a' is no integer: give a whole number"),
    (["generate", "--model", "m", "--chat", "--input-ids", "1"],
     "--chat: token ids are no message: give --prompt or --prompt-file"),
    (["generate", "--model", "m", "--prompt", "a", "--system", "b"], "--system: needs --chat: add --chat"),
    (["generate", "--model", "m", "--prompt", "a", "--stop", ""],
     "--stop: the text is empty: give a text or leave it out"),
    (["generate", "--model", "m", "--prompt", "a", "--logprobs", "2"], "--logprobs: needs --json: add --json"),
    (["chat", "--ranks", "2"],
     "--ranks: this option's part does not exist yet: leave it out: this command runs as one process"),
    (["generate", "--kv-offload"],
     "--kv-offload: this option's part does not exist yet: "
     "leave it out: keys and values stay on the device"),
    (["plan", "--model", "m", "--ds-config=/none.json"],
     "/none.json: cannot be read: give a file of settings that you may read"),
    (["plan", "--model", "m", "--ds-precision", "second"],
     "--ds-precision: 'second' is no known value: give one of auto|merged|first"),
    (["download"], "MODEL: missing: write ORG/NAME"),
    (["finetune", "--model", "m", "--data", "d", "--output", "o", "--lr", "1", "--quant-rule", "mlp=int8"],
     "--quant-rule: quantized weights are not trained: "
     "train adapters beside them with --lora RANK, or leave it out"),
    (["plan", "--model", "m", "--quant-symmetric", "yes"],
     "--quant-symmetric: 'yes' is no known value: give one of on|off"),
    (["quantize"], "MODEL: missing: give the folder of the model to quantize"),
    (["quantize", "m", "--output", "o"], "--quant: missing: give int4, int8 or fp8"),
    (["quantize", "m", "--output", "o", "--quant", "int4", "--max-shard-size", "0"],
     "--max-shard-size: a file holds at least a byte: give more, as 5GB"),
    (["quantize", "m", "--output", "o", "--quant", "int4", "--quant-group-size", "36"],
     "--quant-group-size: 36 is no multiple of 8: give 32, 64 or 128"),
    (["quantize", "m", "--output", "o", "--quant", "fp8", "--quant-group-size", "64"],
     "--quant-group-size: not with --quant fp8, which has one scale for a row: leave it out"),
    (["quantize", "m", "--output", "o", "--quant", "fp8", "--quant-symmetric", "off"],
     "--quant-symmetric off: not with --quant fp8, which has no zero points: leave it out"),
    (["doctor"], "doctor: this command does not exist yet: leave it out: plans use assumed rates"),
    (["plugins", "list", "--plugin", "/none.so"],
     "--plugin: /none.so: no such file: give the path of the plugin's .so, with its manifest beside it"),
    (["plugins", "list", "--plugin", "/usr"],
     "--plugin: /usr: is a folder: give the path of the plugin's .so, with its manifest beside it"),
    (["plugins", "list", "--set", "offload.zzzzzz.depth=1"],
     "settings: [offload.zzzzzz] belongs to no plugin: see `strata plugins list`"),
    (["bench", "--dummy", "--model", "llama-2-7b", "--offload", "nvme",
      "--set", "offload.nvme.queue_depth=0"], "offload/nvme: queue_depth = 0: 1 to 4096"),
    (["plugins", "check", "/none.so"],
     "plugins check: /none.so: no such file: give the path of the plugin's .so, with its manifest "
     "beside it"),
    (["plugins", "check", "/usr"],
     "plugins check: /usr: is a folder: give the path of the plugin's .so, with its manifest beside it"),
]

# The fake plugin, the check that fails and the words that it begins with.
FAULTS = [
    ("magic", "entry", "strata_plugin_v1 does not begin with Strata's magic"),
    ("major", "entry", "it speaks ABI 2.1, this program 1.1"),
    ("version", "entry", "version is '1.0.0' in the manifest and '2.0.0' in the library"),
    ("crashes", "open", "crashed: SIGABRT"),
    ("hangs", "open", "did not end within 2 s"),
    ("ends", "open", "the plugin ended the process"),
    ("fails", "open", "plugin: open gave status 8: no room on the disk"),
    ("no_poll", "functions", "plugin: strata.offload/1 has no poll"),
    ("extra", "exports", "plugin: it exports fake_extra"),
    ("any_id", "unknown interface", "plugin: query gives a table for 'strata.unknown/1'"),
]


class Program(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def fake(self, name):
        for end in (".so", ".json"):
            target = self.folder / f"strata-offload-{name}{end}"
            shutil.copy(FAKES / target.name, target)
            target.chmod(0o644)
        return self.folder / f"strata-offload-{name}.so"

    def checks(self, *arguments):
        done = strata("plugins", "check", *map(str, arguments), "--json", "--time-limit", "2")
        return done, {one["check"]: one for one in json.loads(done.stdout)["checks"]}

    def test_a_wrong_call_ends_with_one_line_and_status_2(self):
        for arguments, line in REFUSED:
            with self.subTest(arguments=arguments):
                done = strata(*arguments)
                self.assertEqual(done.stderr, "error: " + line + "\n")
                self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_help_is_the_golden_file(self):
        self.assertEqual(help_text(), (HERE / "help.golden").read_text())

    def test_the_word_help_describes_a_command(self):
        self.assertEqual(strata("help").stdout, strata("--help").stdout)
        for command in COMMANDS:
            done = strata("help", *command.split())
            self.assertEqual((done.returncode, done.stdout),
                             (0, strata(*command.split(), "--help").stdout))
        self.assertEqual(strata("help", "pln").stderr,
                         "error: 'pln': unknown command: did you mean 'plan'?\n")

    def test_the_man_page_names_every_command_and_variable(self):
        page = strata("--help-man").stdout
        self.assertTrue(page.startswith(".TH STRATA 1"))
        for command in COMMANDS:
            self.assertIn(f".SH STRATA {command}\n", page)
        for word in ("HF_HOME", "\\-\\-device\\-memory", "\\-m, \\-\\-model"):
            self.assertIn(word, page)

    def test_a_shell_completes_commands_and_options(self):
        (self.folder / "my model.gguf").touch()
        script = self.folder / "strata.bash"
        script.write_text(strata("completion", "bash").stdout)
        for typed, want in (("ge", {"generate"}), ("plan --device-m", {"--device-memory"}),
                            ("plugins l", {"list"}), ("plugins check --time", {"--time-limit"}),
                            ("help pl", {"plan", "plugins"}), ("completion z", {"zsh"}),
                            ("plan --device cu", {"cuda"}), ("plugins new --lang c+", {"c++"}),
                            ("generate my", {"my model.gguf"})):
            with self.subTest(typed=typed):
                words = ["strata", *typed.split(" ")]
                shown = subprocess.run(
                    ["bash", "-c", f"cd {self.folder}; . {script}; COMP_WORDS=({' '.join(words)}); "
                     f"COMP_CWORD={len(words) - 1}; _strata; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
                    capture_output=True, text=True)
                self.assertEqual(set(shown.stdout.splitlines()), want, shown.stderr)
        self.assertIn("#compdef strata", strata("completion", "zsh").stdout)
        self.assertIn("-l device-memory", strata("completion", "fish").stdout)

    def test_help_goes_to_standard_output(self):
        for arguments in ([], ["--help"], ["-h"], ["plan", "--help"], ["plan", "-h"]):
            done = strata(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.startswith("usage: strata "))

    def test_the_documentation_is_the_table(self):
        page = HERE.parents[1] / "docs/configuration.md"
        self.assertEqual(strata("--help-markdown").stdout, page.read_text())

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE,
                                  text=True)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.startswith("error: standard output: cannot be written"))

    def test_a_reader_that_went_away_is_no_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([PROGRAM, "--help"], stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_plugin_is_listed_with_what_became_of_it(self):
        self.fake("good")
        (self.folder / "strata-model-broken.json").write_text("{")
        done = strata("plugins", "list", "-v", "--json", STRATA_PLUGIN_PATH=str(self.folder))
        listed = {one["name"]: one["state"] for one in json.loads(done.stdout)["plugins"]}
        self.assertIn("name it by --plugin or in [plugins] allow", listed["good"])
        self.assertIn("is no JSON", listed["broken"])
        done = strata("plugins", "list", "--set", "plugins.allow=good", "--json",
                      STRATA_PLUGIN_PATH=str(self.folder))
        listed = {one["name"]: one["state"] for one in json.loads(done.stdout)["plugins"]}
        self.assertEqual(listed["good"], "usable")
        self.assertNotIn("broken", listed)

    def test_listing_opens_no_plugin(self):
        library = self.fake("crashes")
        done = strata("plugins", "list", "-v", "--plugin", str(library))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("usable", done.stdout)

    def test_a_sound_plugin_passes_every_check(self):
        done, checks = self.checks(self.fake("good"))
        for name in ("manifest", "hash", "exports", "dependencies", "versions", "entry", "open",
                     "functions", "unknown interface", "open again"):
            with self.subTest(name=name):
                self.assertEqual(checks[name]["result"], "passed", checks[name]["words"])

    def test_each_fault_fails_its_check_with_status_1(self):
        for name, check, words in FAULTS:
            with self.subTest(name=name):
                done, checks = self.checks(self.fake(name))
                self.assertEqual(done.returncode, 1)
                self.assertEqual(checks[check]["result"], "failed")
                self.assertIn(words, checks[check]["words"])
                self.assertEqual([one for one in checks.values() if one["result"] == "failed"],
                                 [checks[check]])
                self.assertEqual(done.stderr.count("error: "), 1)

    def test_a_library_that_is_not_the_manifests_fails_before_it_is_loaded(self):
        library = self.fake("crashes")
        with open(library, "ab") as file:
            file.write(b"x")
        done, checks = self.checks(library)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(list(checks), ["manifest", "hash"])
        self.assertEqual(checks["hash"]["result"], "failed")


def update():
    (HERE / "help.golden").write_text(help_text())
    page = HERE.parents[1] / "docs/configuration.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(strata("--help-markdown").stdout)


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        unittest.main(argv=sys.argv[:1], verbosity=2)
