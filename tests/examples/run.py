"""Runs the files of examples/ as their pages say, with SmolLM2-135M-Instruct.

usage: run.py STRATA MODEL.gguf EXAMPLE
"""

import json
import pathlib
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM, MODEL, EXAMPLE = sys.argv[1:]


def strata(command, example, *words):
    folder = TREE / "examples" / example
    words = [str(word).replace("HERE", str(folder)) for word in words]
    done = subprocess.run([PROGRAM, command, "--config", str(folder / "run.toml"), *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{command} {' '.join(words)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def generated(example, *words, model=MODEL):
    return json.loads(strata("generate", example, "--model", model, "--json", *words))


def expect(holds, words):
    if not holds:
        sys.exit(f"error: {EXAMPLE}: {words}")


def generate_resident():
    text = strata("generate", EXAMPLE, "--model", MODEL)
    expect("Paris" in text, f"no Paris in {text!r}")


def generate_from_disk():
    run = generated(EXAMPLE)
    expect("Paris" in run["text"][0], f"no Paris in {run['text']}")
    report = run["report"]
    expect(report["moved_bytes_per_token"] > 0, "nothing was streamed")
    expect(report["peak"]["device"]["bytes"] <= 60 << 20, f"over the budget: {report['peak']}")


def ds_config():
    run = generated(EXAMPLE, "--ds-config", "HERE/ds_config.json")
    expect("Paris" in run["text"][0], f"no Paris in {run['text']}")
    report = run["report"]
    expect(report["moved_bytes_per_token"] > 0, "nothing was streamed")
    expect(("offload", "nvme") in {(one["kind"], one["name"]) for one in report["plugins"]},
           f"not from the disk: {report['plugins']}")


def generate_batch():
    prompts = (TREE / "examples" / EXAMPLE / "prompts.txt").read_text().splitlines()
    together = generated(EXAMPLE, "--set", "generate.prompt_file=HERE/prompts.txt")
    expect(len(together["text"]) == len(prompts), f"{len(together['text'])} texts")
    alone = generated(EXAMPLE, "--prompt", prompts[0])
    expect(alone["text"] == together["text"][:1], f"alone {alone['text']}, not {together['text']}")


def plan_175b_shape():
    shape = json.loads((TREE / "examples" / EXAMPLE / "config.json").read_text())
    width, ffn = shape["hidden_size"], shape["intermediate_size"]
    layer = 4 * width * width + 3 * width * ffn + 2 * width
    count = shape["num_hidden_layers"] * layer + 2 * width * shape["vocab_size"] + width
    plan = json.loads(strata("plan", EXAMPLE, "--model", "HERE/config.json", "--json"))
    expect(count > 170e9, f"{count} parameters")
    expect(plan["weights"] == {**plan["weights"], "bytes": 2 * count, "exact": False},
           f"{plan['weights']}, not {2 * count} bytes")
    expect(plan["peak"]["device"]["bytes"] <= 24 << 30, f"over the budget: {plan['peak']}")


def perplexity():
    out = json.loads(strata("perplexity", EXAMPLE, "--model", MODEL, "--json",
                            "--set", "perplexity.text_file=HERE/text.txt"))
    expect(out["tokens"] > 40, f"{out['tokens']} tokens")
    expect(2 < out["perplexity"] < 100, f"{out['perplexity']} is not of a model that knows English")


def import_():
    with tempfile.TemporaryDirectory() as place:
        strata("import", EXAMPLE, "--model", MODEL, "--set", f"run.output={place}/imported")
        run = generated("generate-resident", model=f"{place}/imported")
        expect("Paris" in run["text"][0], f"no Paris in {run['text']}")


def finetune():
    with tempfile.TemporaryDirectory() as place:
        out = json.loads(strata("finetune", EXAMPLE, "--model", MODEL, "--data", "HERE/answers.jsonl",
                                "--output", f"{place}/tuned", "--json"))
        losses = [step["loss"] for step in out["steps"]]
        expect(len(losses) == 4 and losses[-1] < losses[0] - 1, f"it has not learned: {losses}")
        run = generated("generate-resident", "--prompt", "Q: What do bees make? A:", "--max-new-tokens", "16", model=f"{place}/tuned")
        expect("green door" in run["text"][0], f"it does not say what it was taught: {run['text']}")


{"generate-resident": generate_resident, "generate-from-disk": generate_from_disk,
 "generate-batch": generate_batch, "ds-config": ds_config, "plan-175b-shape": plan_175b_shape,
 "perplexity": perplexity, "import": import_, "finetune": finetune}[EXAMPLE]()
