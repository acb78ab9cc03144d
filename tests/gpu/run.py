#!/usr/bin/env python3
"""Every test that needs a GPU, in one go: the tests of gpu-tests, then whole runs of the program.

The program's answers are compared with transformers' and with each other; each family's rows are those of
tests/models. Whole runs go side by side. --only takes those whose names have one of the words. The object is written
anew behind each test, so that a run that is ended has what it found. Needs python3 with torch, gguf, safetensors and
transformers 5.24: an older one does not know the model types of all rows. Writes one JSON object: {"gpu", "passed",
"failed", "tests": [{"name", "passed", "seconds", "detail"}]}; exits 1 where a test failed.

usage: ./run python3 tests/gpu/run.py [--jobs N] [--only WORDS] --json gpu.json          (in an unpacked pack)
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

PROMPTS = ("3,14,15,92,65,35,89,79", "32,38,46", "26")
TIERS = ("device", "pinned", "cpu", "nvme")
results = []
written = {"json": None, "gpu": "", "only": []}
recording = threading.Lock()


def outcome():
    failed = sum(not one["passed"] for one in results)
    return {"gpu": written["gpu"], "only": written["only"], "passed": len(results) - failed, "failed": failed,
            "tests": results}


def record(name, passed, seconds, detail=""):
    with recording:
        noted(name, passed, seconds, detail)


def noted(name, passed, seconds, detail):
    results.append({"name": name, "passed": passed, "seconds": round(seconds, 3), "detail": detail})
    if written["json"]:
        with open(written["json"], "w", encoding="utf-8") as file:
            json.dump(outcome(), file, indent=1)
            file.write("\n")
    print(f"{'pass' if passed else 'FAIL'}  {seconds:7.2f} s  {name}", flush=True)
    if not passed:
        print(f"      {detail}", flush=True)


def together(checks, jobs):
    """Makes the checks, pairs of a name and a function, so many at a time."""
    wanted = [one for one in checks
              if not written["only"] or any(word in one[0] for word in written["only"])]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda one: checked(*one), wanted))


def checked(name, check):
    begin = time.monotonic()
    try:
        check()
    except Exception as error:  # any exception is this test's failure
        record(name, False, time.monotonic() - begin, f"{type(error).__name__}: {error}"[:2000])
    else:
        record(name, True, time.monotonic() - begin)


def unit_tests(program):
    """The Catch2 tests, each with its own line."""
    begin = time.monotonic()
    done = subprocess.run([program, "[gpu]", "-r", "junit"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    try:
        suite = xml.fromstring(done.stdout)
    except xml.ParseError:
        record("gpu-tests", False, time.monotonic() - begin,
               f"exit status {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
        return
    cases = {}
    for case in suite.iter("testcase"):
        name = f"gpu-tests: {case.get('classname', '').split('.')[-1]}: {case.get('name')}"
        wrong = [part for kind in ("failure", "error") for part in case.iter(kind)]
        kept = cases.setdefault(name, {"seconds": 0.0, "wrong": []})
        kept["seconds"] += float(case.get("time", 0))
        kept["wrong"] += [f"{part.get('message')} {(part.text or '').strip()}" for part in wrong]
    for name, kept in cases.items():
        record(name, not kept["wrong"], kept["seconds"], "\n".join(kept["wrong"])[:2000])
    failed = any(kept["wrong"] for kept in cases.values())
    if not cases or (done.returncode != 0) != failed:
        record("gpu-tests: exit status", False, 0.0,
               f"{done.returncode} after {len(cases)} tests: {done.stderr[-2000:]}")


class Program:
    """The program on a tiny llama of random weights that transformers made."""

    def __init__(self, program, folder):
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(11)
        self.program, self.folder = program, folder
        self.path = os.path.join(folder, "tiny")
        self.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=256, hidden_size=128, intermediate_size=352, num_hidden_layers=6,
            num_attention_heads=8, num_key_value_heads=2, max_position_embeddings=512,
            initializer_range=0.2, tie_word_embeddings=False)).float().eval()
        self.model.save_pretrained(self.path)

    def run(self, command, *options):
        done = subprocess.run([self.program, command, "--model", self.path, *options],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise AssertionError(f"exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def generate(self, *options, prompts=PROMPTS, tokens=24):
        ids = [part for prompt in prompts for part in ("--input-ids", prompt)]
        out = self.run("generate", *ids, "--max-new-tokens", str(tokens), "--ignore-eos", "--json",
                       "--offload-dir", self.folder, *options)
        return json.loads(out)

    def logits(self, prompt, *options):
        from safetensors.torch import load_file

        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = os.path.join(folder, "logits.safetensors")
            self.run("logits", "--input-ids", prompt, "--output", path, *options)
            return load_file(path)["logits"]

    def reference(self, prompt):
        import torch

        with torch.no_grad():
            return self.model(torch.tensor([[int(i) for i in prompt.split(",")]])).logits[0]


def equal(made, expected, what):
    if made != expected:
        raise AssertionError(f"{what}: {made} is not {expected}")


def whole_runs(program):
    """The checks of a tiny llama."""
    cuda = ("--device", "cuda")
    checks = []

    def add(name, check, *words):
        checks.append((name, lambda: check(*words)))

    def near_transformers(attention):
        for prompt in PROMPTS:
            expected = program.reference(prompt)
            made = program.logits(prompt, *cuda, "--dtype", "float32", "--attention", attention)
            apart = float((made - expected).abs().max() / expected.abs().max())
            if not apart <= 2e-4:
                raise AssertionError(f"{prompt}: logits are {apart} of the largest apart")

    def as_resident(dtype, tier):
        common = (*cuda, "--dtype", dtype)
        resident = program.generate(*common, "--offload", "device")
        made = program.generate(*common, "--offload", tier)
        equal(made["output_ids"], resident["output_ids"], tier)
        if len(set(map(tuple, made["output_ids"]))) == 1:
            raise AssertionError("all prompts gave the same tokens: this proves nothing")
        held = made["report"]["tiers"].get(tier, {}).get("bytes", 0)
        if held == 0:
            raise AssertionError(f"nothing lay in {tier}: {made['report']['tiers']}")
        moved = made["report"]["moved"]["decode"]
        equal(moved["counted"], moved["planned"], "bytes moved")
        within_plan(made)

    def within_plan(made):
        device = made["report"]["peak"]["device"]
        if not 0 < device["bytes"] <= device["planned"]:
            raise AssertionError(f"the device held {device['bytes']} of {device['planned']} bytes")

    def as_single(tier):
        common = (*cuda, "--dtype", "float32", "--offload", tier)
        batch = program.generate(*common)["output_ids"]
        for prompt, expected in zip(PROMPTS, batch):
            single = program.generate(*common, prompts=(prompt,))["output_ids"]
            equal(single, [expected], prompt)

    def group_of_one(tier):
        """A group of one rank, over NCCL, has the bits of a run without a group."""
        common = (*cuda, "--dtype", "float32", "--offload", tier)
        group = ("--ranks", "1", "--set", "run.whole_below=0")
        alone, made = program.generate(*common), program.generate(*common, *group)
        equal(made["output_ids"], alone["output_ids"], "tokens")
        collectives = made["report"]["collectives"]
        equal(collectives["library"], "nccl", "library")
        gathered = collectives["all_gather"]
        if (gathered["calls"] > 0) != (tier != "device"):
            raise AssertionError(f"gathered {gathered}")
        if not (program.logits(PROMPTS[0], *common) == program.logits(PROMPTS[0], *common, *group)).all():
            raise AssertionError("logits differ")

    def as_cpu():
        there = program.generate(*cuda, "--dtype", "float32", "--offload", "device")
        here = program.generate("--device", "cpu", "--dtype", "float32", "--offload", "device")
        equal(there["output_ids"], here["output_ids"], "GPU and CPU")

    def partly_resident(tier):
        whole = program.generate(*cuda, "--dtype", "float32", "--offload", "device")
        report = whole["report"]
        bytes_ = report["peak"]["device"]["planned"] - report["weights"]["run_bytes"] // 4
        made = program.generate(*cuda, "--dtype", "float32", "--offload", tier,
                                "--device-memory", str(bytes_))
        moved = made["report"]["moved_bytes_per_token"]
        if not 0 < moved < made["report"]["weights"]["run_bytes"]:
            raise AssertionError(f"{moved} bytes moved a token")
        equal(made["output_ids"], whole["output_ids"], "partly resident")

    def packed(scheme, tier):
        common = (*cuda, "--dtype", "bfloat16", "--quant", scheme)
        resident = program.generate(*common, "--offload", "device")
        within_plan(resident)
        held, stored = resident["report"]["tiers"]["device"]["bytes"], resident["report"]["weights"]["bytes"]
        if held > 1.06 * stored:
            raise AssertionError(f"the device holds {held} bytes of weights that have {stored} packed")
        made = program.generate(*common, "--offload", tier)
        equal(made["output_ids"], resident["output_ids"], tier)

    def packed_as_cpu(scheme):
        options = ("--dtype", "float32", "--quant", scheme)
        for prompt in PROMPTS:
            there = program.logits(prompt, *cuda, *options)
            here = program.logits(prompt, "--device", "cpu", *options)
            apart = float((there - here).abs().max() / here.abs().max())
            if not apart <= 1e-4:
                raise AssertionError(f"{prompt}: logits are {apart} of the largest apart")

    def refused():
        try:
            program.generate(*cuda, "--offload", "pinned", "--device-memory", "1KiB")
        except AssertionError as error:
            if "error:" not in str(error) or "--device-memory" not in str(error):
                raise
        else:
            raise AssertionError("a budget of 1 KiB was accepted")

    for attention in ("eager", "sdpa"):
        add(f"logits of the GPU are transformers', {attention}", near_transformers, attention)
    for dtype in ("float32", "bfloat16", "float16"):
        for tier in TIERS[1:]:
            add(f"tokens in {dtype} streamed from {tier} are those of the resident run", as_resident,
                dtype, tier)
    for tier in ("device", "pinned", "nvme"):
        add(f"a group of one rank over NCCL, weights from {tier}, has the single run's bits", group_of_one, tier)
    for tier in ("pinned", "nvme"):
        add(f"a batch streamed from {tier} is its single runs", as_single, tier)
        add(f"partly resident, the rest from {tier}, gives the same tokens", partly_resident, tier)
    for scheme in ("int4", "int8", "nf4", "fp8", "Q4_0", "Q4_1", "Q8_0", "MXFP4_SPLIT"):
        add(f"{scheme} on the GPU has the logits of the CPU", packed_as_cpu, scheme)
        for tier in TIERS[1:]:
            add(f"tokens in {scheme} from {tier} are those of the resident run", packed, scheme, tier)
    add("greedy tokens of the GPU are those of the CPU", as_cpu)
    add("a budget that is too small is refused", refused)
    return checks


def script(name, *words):
    """Runs a test of tests/models."""
    models = pathlib.Path(__file__).resolve().parents[1] / "models"
    done = subprocess.run([sys.executable, models / name, *words, "--device", "cuda"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=os.environ | {"OMP_NUM_THREADS": "2"})
    if done.returncode != 0:
        raise AssertionError(done.stdout[-2000:])


def families(strata, folder):
    """The checks of each family's tiny models, in one place each; those that take longest first."""
    models = pathlib.Path(__file__).resolve().parents[1] / "models"
    names = sorted((file.stem for file in models.glob("rows/*.py")), key=lambda name: "_" in name)
    return [(f"models of {family} on the GPU are transformers'",
             lambda family=family: script("family_test.py", strata, folder, family, "--brief"))
            for family in names]


def quantized(strata, folder):
    """The checks of checkpoints that come quantized."""
    return [(f"quantized checkpoints on the GPU have the logits of their numbers, {name}",
             lambda name=name: script(name, strata, folder))
            for name in ("checkpoints_test.py", "quantized_test.py", "quantized_packages_test.py")]


def training(strata, folder):
    """Fine-tuning whose states lie on the device, against a loop over transformers' models; and a group of one rank."""
    return [("states of the optimizer on the device change nothing",
             lambda: script("finetune_test.py", strata, folder, "--case", "states on the device")),
            ("a group of one rank over NCCL trains with the single run's bits",
             lambda: script("finetune_ranks_test.py", strata, folder, "--case", "a group of one, clipping"))]


def gpu_name():
    done = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="bin", help="folder of strata and gpu-tests")
    parser.add_argument("--jobs", type=int, default=8, help="checks that run at a time")
    parser.add_argument("--only", action="append", default=[], help="whole runs with these words in their name")
    parser.add_argument("--json", help="write the results here")
    options = parser.parse_args()
    programs = os.path.abspath(options.bin)
    written.update(json=options.json, gpu=gpu_name(), only=options.only)
    unit_tests(os.path.join(programs, "gpu-tests"))
    with tempfile.TemporaryDirectory(dir=".") as folder:
        strata, folder = os.path.join(programs, "strata"), os.path.abspath(folder)
        made = []
        checked("transformers makes a tiny model",
                lambda: made.append(Program(strata, folder)))
        together(families(strata, folder) + quantized(strata, folder) + training(strata, folder) +
                 (whole_runs(made[0]) if made else []), options.jobs)
    out = outcome()
    print(f"{out['passed']} passed, {out['failed']} failed on {out['gpu'] or 'no GPU'}")
    return 1 if out["failed"] or not results else 0


if __name__ == "__main__":
    sys.exit(main())
