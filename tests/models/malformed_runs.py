"""Calls that cannot be carried out: wrong prompts, budgets, plugins, outputs. Run in a folder that
holds `model` (a Hugging Face folder), `model.gguf` and the files of FILES.

A row: name, arguments.
"""

FILES = {
    "empty.txt": b"",
    "latin.txt": b"caf\xe9",
    "blank.txt": b"ABC\n\nDEF",
    "short.txt": b"a",
    "odd.json": b"{}",
    "empty.gguf": b"",
    "full/one": b"",
    "no_config/model.safetensors": b"",
    "words.txt": b"words",
}

IDS = ["--input-ids", "1,2,3"]
MODEL = ["--model", "model"]
GENERATE = ["generate", *MODEL, "--device", "cpu"]
PLAN = ["plan", *MODEL, "--device", "cpu"]
LOGITS = ["logits", *MODEL, "--device", "cpu", *IDS]
PERPLEXITY = ["perplexity", *MODEL, "--device", "cpu"]

RUNS = [
    ("no model", ["generate", "--prompt", "a"]),
    ("model is not there", ["plan", "--model", "modle"]),
    ("model is an empty file", ["plan", "--model", "empty.gguf"]),
    ("model is a text", ["plan", "--model", "words.txt"]),
    ("model is a folder without config", ["plan", "--model", "no_config"]),
    ("model is an empty folder", ["plan", "--model", "nothing"]),
    ("shape without keys", ["plan", "--model", "odd.json"]),
    ("a named shape that is not there", ["plan", "--model", "lama-7b"]),
    ("a line's end in a path", ["plan", "--model", "a\nb"]),
    ("no prompt", GENERATE),
    ("empty prompt", [*GENERATE, "--prompt", ""]),
    ("prompt in invalid UTF-8", [*GENERATE, "--prompt", b"caf\xe9"]),
    ("prompt and ids", [*GENERATE, "--prompt", "a", *IDS]),
    ("prompt file is not there", [*GENERATE, "--prompt-file", "none.txt"]),
    ("prompt file is a folder", [*GENERATE, "--prompt-file", "full"]),
    ("prompt file is empty", [*GENERATE, "--prompt-file", "empty.txt"]),
    ("prompt file with an empty line", [*GENERATE, "--prompt-file", "blank.txt"]),
    ("prompt file in invalid UTF-8", [*GENERATE, "--prompt-file", "latin.txt"]),
    ("an id too large", [*GENERATE, "--input-ids", "1,64"]),
    ("an id too large, logits", ["logits", *MODEL, "--input-ids", "64", "--output", "x"]),
    ("a negative id", [*GENERATE, "--input-ids", "1,-1"]),
    ("an id past 32 bits", [*GENERATE, "--input-ids", "4294967296"]),
    ("no ids", [*GENERATE, "--input-ids", ""]),
    ("ids with a hole", [*GENERATE, "--input-ids", "1,,2"]),
    ("two prompts of logits", [*LOGITS, *IDS, "--output", "x"]),
    ("no threads", [*GENERATE, *IDS, "--threads", "0"]),
    ("fewer than no tokens", [*GENERATE, *IDS, "--max-new-tokens", "-1"]),
    ("a negative temperature", [*GENERATE, *IDS, "--temperature", "-1"]),
    ("unknown option", [*GENERATE, *IDS, "--ofload", "cpu"]),
    ("unknown attention", [*GENERATE, *IDS, "--attention", "spda"]),
    ("unknown tier", [*GENERATE, *IDS, "--offload", "cpuu"]),
    ("unknown tier, plan", [*PLAN, "--offload", "gds"]),
    ("a plugin that is not there", [*GENERATE, *IDS, "--plugin", "none.so"]),
    ("a plugin's unknown key", [*GENERATE, *IDS, "--offload", "nvme", "--set",
                                "offload.nvme.queue_dept=3"]),
    ("a quant plugin to come", [*GENERATE, *IDS, "--quant", "int4"]),
    ("device memory too small", [*GENERATE, *IDS, "--offload", "device", "--device-memory", "1"]),
    ("device memory too small for slots",
     [*GENERATE, *IDS, "--offload", "cpu", "--device-memory", "1KiB"]),
    ("device memory too small, auto", [*GENERATE, *IDS, "--device-memory", "1KiB"]),
    ("host memory too small", [*GENERATE, *IDS, "--offload", "cpu", "--host-memory", "1KiB"]),
    ("host memory too small, locked",
     [*GENERATE, *IDS, "--offload", "pinned", "--host-memory", "1KiB"]),
    ("rates that are not there", [*PLAN, "--machine", "none.json"]),
    ("a window of one token", [*PERPLEXITY, "--text-file", "words.txt", "--context", "1"]),
    ("text of one token", [*PERPLEXITY, "--text-file", "short.txt"]),
    ("text of no token", [*PERPLEXITY, "--text-file", "empty.txt"]),
    ("text in invalid UTF-8", [*PERPLEXITY, "--text-file", "latin.txt"]),
    ("text that is not there", [*PERPLEXITY, "--text-file", "none.txt"]),
    ("text that is a folder", [*PERPLEXITY, "--text-file", "full"]),
    ("tokenize invalid UTF-8", ["tokenize", *MODEL, "--text", b"\xff"]),
    ("decode an id too large", ["tokenize", *MODEL, "--decode", "64"]),
    ("logits into a folder that is not there", [*LOGITS, "--output", "none/x"]),
    ("logits over a folder", [*LOGITS, "--output", "full"]),
    ("import over a folder with files", ["import", "model", "--output", "full"]),
    ("import over a file", ["import", "model", "--output", "words.txt"]),
    ("import into a folder that is not there", ["import", "model", "--output", "none/x"]),
    ("import without an output", ["import", "model"]),
    ("bench of real weights", ["bench", *MODEL, "--device", "cpu"]),
    ("conversation", [*GENERATE, "--prompt", "a", "--chat"]),
    ("keys and values in host memory", [*GENERATE, *IDS, "--kv-offload"]),
    ("two ranks", [*GENERATE, *IDS, "--ranks", "2"]),
    ("settings of another program", [*GENERATE, *IDS, "--ds-config", "odd.json"]),
    ("quantize", ["quantize", *MODEL, "--output", "x", "--quant", "int4"]),
    ("finetune", ["finetune", "--config", "run.toml"]),
    ("doctor", ["doctor"]),
    ("a new plugin", ["plugins", "new", "model", "x"]),
]
