"""Whether several ranks compute what one does, and end when one of them is gone: short runs of a tiny llama."""
import json
import os
import pathlib
import signal
import time

from runs import drawn, parts

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 256, "intermediate_size": 704,
    "num_hidden_layers": 6, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 512,
    "tie_word_embeddings": False, "max_position_embeddings": 8192, "rms_norm_eps": 1e-6, "hidden_act": "silu",
    "initializer_range": 0.2, "rope_theta": 10000.0, "torch_dtype": "float32", "bos_token_id": 1, "eos_token_id": 2}
STEPS, BATCH, TOKENS = 5, 2, 64
NEAR = 1e-5  # of a loss
MOST_SECONDS = 5.0  # until all ranks have ended


class Checks:
    """One line for each, which says whether it holds."""

    def __init__(self, strata, device, ranks, folder):
        self.strata, self.device, self.ranks, self.folder = strata, device, ranks, folder
        self.model, self.tier = folder / "tiny", "pinned" if device == "cuda" else "cpu"
        self.results = {}

    def write(self, seconds):
        shape = self.folder / "tiny.json"
        shape.write_text(json.dumps(CONFIG))
        parts.Run([self.strata, "import", shape, "--output", self.model, "--init-seed", 7]).result(seconds)
        drawn.write_tokenizer(self.model, CONFIG["vocab_size"])
        drawn.write_rows(self.folder / "tiny.jsonl", 400, TOKENS, CONFIG["vocab_size"])

    def note(self, name, passed, words):
        self.results[name] = {"passed": bool(passed), "words": words}
        print(f"{'pass' if passed else 'FAIL'}  {name}: {words}", flush=True)

    def common(self, ranks):
        words = ["--dtype", "float32", "--device", self.device, "--offload", self.tier]
        return words + (["--ranks", ranks] if ranks > 1 else [])

    def tokens(self, seconds):
        """Greedy tokens of two prompts a rank and one more, streamed."""
        prompts = [",".join(str(3 + (at * 37 + row * 101) % 500) for at in range(20 + row))
                   for row in range(2 * self.ranks + 1)]
        ids = [word for prompt in prompts for word in ("--input-ids", prompt)]
        words = [self.strata, "generate", "--model", self.model, *ids, "--max-new-tokens", 32, "--ignore-eos", "--json"]
        one, all = (parts.ran([*words, *self.common(ranks)], seconds / 2)["output_ids"] for ranks in (1, self.ranks))
        same = sum(a == b for a, b in zip(one, all, strict=True))
        self.note("tokens", same == len(prompts), f"{same} of {len(prompts)} prompts have the tokens of one rank")

    def finetune(self, ranks, accumulation, output, *more):
        return [self.strata, "finetune", "--model", self.model, "--data", self.folder / "tiny.jsonl", "--output",
                self.folder / output, "--lr", 1e-4, "--batch-size", BATCH, "--max-length", TOKENS,
                "--gradient-accumulation-steps", accumulation, "--json", *self.common(ranks), *more]

    def losses(self, seconds):
        """One rank with as many micro-batches as there are ranks has the same rows in a step."""
        runs = ((1, self.ranks, "one"), (self.ranks, 1, "all"))
        one, all = ([step["loss"] for step in parts.ran(
            self.finetune(*run, "--max-steps", STEPS), seconds / 2)["steps"]] for run in runs)
        apart = max(abs(a - b) / abs(a) for a, b in zip(one, all, strict=True))
        self.note("losses", len(one) == STEPS and apart <= NEAR and len(set(one)) > 1,
                  f"{apart:.2e} of a loss apart at most in {STEPS} steps, {one[0]:.4f} to {one[-1]:.4f}")

    def lost(self, name, words, begun, number, seconds):
        """A signal to rank 1 once the run has begun: all end within the limit, with its name."""
        run, end = parts.Run(words), time.monotonic() + seconds
        try:
            while not begun() or 1 not in ranks_of(run.process.pid):
                if run.process.poll() is not None or time.monotonic() > end:
                    raise parts.Failed(f"it did not begin: {run.tail()}")
                time.sleep(0.1)
            time.sleep(1)
            all = parts.family(run.process.pid)
            os.kill(ranks_of(run.process.pid)[1], number)
            begin = time.monotonic()
            while any(map(is_alive, all)) and time.monotonic() - begin < 30:
                run.process.poll()
                time.sleep(0.02)
            took, left = time.monotonic() - begin, sum(map(is_alive, all))
        finally:
            run.kill()
        lines = [line for line in run.tail().splitlines() if line.startswith("error: ")]
        self.note(name, left == 0 and took <= MOST_SECONDS and run.process.returncode == 1 and any(
            "rank 1" in line for line in lines), f"{took:.2f} s, status {run.process.returncode}, {lines}")

    def lost_in_generation(self, number, name, seconds):
        words = [self.strata, "bench", "--dummy", "--model", self.folder / "tiny.json", "--loops", 100000,
                 "--prompt-len", 64, "--gen-len", 64, "--batch-size", self.ranks, *self.common(self.ranks)]
        ready = time.monotonic() + min(12, seconds / 3)
        self.lost(name, words, lambda: time.monotonic() > ready, number, seconds)

    def lost_in_training(self, number, name, seconds):
        log = self.folder / f"{name.replace(' ', '-')}.jsonl"
        words = self.finetune(self.ranks, 1, name.replace(" ", "-"), "--log", log, "--num-train-epochs", 1000)
        self.lost(name, words, lambda: log.exists() and log.stat().st_size > 500, number, seconds)


def ranks_of(parent):
    """The processes of the ranks below their parent, by rank."""
    out = {}
    for process in parts.family(parent)[1:]:
        try:
            for variable in pathlib.Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
                if variable.startswith(b"RANK="):
                    out[int(variable[5:])] = process
        except OSError:
            pass  # it has just ended
    return out


def is_alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def check(strata, device, ranks, folder, measured):
    """Runs each as a part; the results by name."""
    checks = Checks(strata, device, ranks, folder)
    if not measured.run("check: model", 30, lambda seconds: checks.write(seconds) or True):
        return
    rows = {"tokens": checks.tokens, "losses": checks.losses}
    for number, what in ((signal.SIGKILL, "killed"), (signal.SIGSTOP, "stopped")):
        for where, work in (("generation", checks.lost_in_generation), ("training", checks.lost_in_training)):
            name = f"a rank is {what} in {where}"
            rows[name] = lambda seconds, work=work, number=number, name=name: work(number, name, seconds)
    for name, work in rows.items():
        measured.run(f"check: {name}", 60, lambda seconds, work=work: work(seconds) or checks.results)
        if name not in checks.results:
            checks.note(name, False, measured.failures.get(f"check: {name}", "it gave no answer"))
    measured.results["checks"] = checks.results
    measured.save()
