"""`strata finetune` against a plain PyTorch loop over transformers' models: losses, norms, rates and weights.

Usage: finetune_test.py PROGRAM FOLDER [--case WORDS] [--list] [--device DEVICE]
"""

import dataclasses
import json
import math
import pathlib
import sys
import tempfile
import traceback

import safetensors
import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import finetune_cases as table  # noqa: E402
import finetune_data as data  # noqa: E402
from finetune_jobs import failures_of, parser, run  # noqa: E402
from finetune_placements import placements  # noqa: E402
from finetune_reference import train  # noqa: E402
from program import TOLERANCE, Many, Program, Refused  # noqa: E402
from row import make  # noqa: E402
from tested import distance, need  # noqa: E402

LOSS = 1e-5  # relative
WEIGHT = 1e-5
NORM = 1e-4  # relative
MARGIN = 5e-6  # of the routers: below it rounding may choose another expert
MAX_LENGTH = 64
# The most that losses with weights in bfloat16 are off float32's, relative: each, and their mean. Rounding the
# weights in a PyTorch loop of these models, with other random bits, gave 0.021 and 0.0047.
NOISY_LOSS, NOISY_MEAN = 0.04, 0.01


def near(got, want, relative):
    return math.isfinite(got) and abs(got - want) <= relative * max(abs(want), 1e-12)


def weights(folder):
    return {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}


class Model:
    """A model's folder, its data, and the references that were computed."""

    def __init__(self, name, routers, parent):
        self.row = table.row_of(name, routers)
        self.folder = parent / "model"
        make(self.row, self.folder)
        data.write_tokenizer(self.folder, self.row.vocabulary)
        self.sequences, self.files, self.trained = {}, {}, {}
        for kind, lengths, write in (
                ("texts", data.some_lengths(2, 140), data.write_texts),
                ("completions", data.some_lengths(3, 40), data.write_completions),
                ("lengths", [5 + 7 * n % 20 for n in range(20)], data.write_texts)):
            self.files[kind] = parent / f"{kind}.jsonl"
            rows = data.texts(4, self.row.vocabulary, lengths)
            self.sequences[kind] = write(self.files[kind], rows, self.row.vocabulary)

    def reference(self, settings, kind, order=None):
        key = settings, kind, order
        if key not in self.trained:
            every = self.sequences[kind]
            chosen = every if order is None else [every[at] for at in order]
            model, steps, margin = train(self.folder, chosen, settings)
            need(margin > MARGIN, f"two experts' scores are {margin:.1e} apart: change the seed")
            self.trained[key] = model, steps
        return self.trained[key]


class Checked:
    """One case: its runs, and their comparison with the reference."""

    def __init__(self, case, model, program, folder):
        self.case, self.model, self.program, self.folder = case, model, program, folder

    def words(self, output, *more):
        case, settings = self.case, self.case.settings
        words = {"--model": self.model.folder, "--data": self.model.files[case.data], "--output": output,
                 "--device": self.program.device, "--threads": 1, "--seed": 7,
                 "--optimizer": settings.optimizer, "--reduce-dtype": settings.reduce, "--lr": settings.lr,
                 "--batch-size": settings.batch, "--weight-decay": settings.weight_decay, "--clip": settings.clip,
                 "--warmup": settings.warmup, "--schedule": settings.schedule,
                 "--label-smoothing": settings.smoothing,
                 "--gradient-accumulation-steps": settings.accumulation,
                 "--max-length": settings.packing or MAX_LENGTH}
        if settings.optimizer != "adafactor":
            words |= {"--betas": ",".join(map(str, settings.betas)), "--eps": settings.eps}
        words |= {"--num-train-epochs": 2, "--shuffle": "on"} if case.check == "shuffle" else {
            "--max-steps": settings.steps, "--shuffle": "off"}
        out = [word for pair in words.items() for word in pair] + (["--packing"] if settings.packing else [])
        if "--dtype" not in case.words:
            out += ["--dtype", "float32"]
        if "nvme" in case.words:
            out += ["--offload-dir", self.folder / "tier"]
        return [*out, "--json", *case.words, *more]

    def run(self, name, *more):
        """The object that the program prints; the output is the folder `name`."""
        return json.loads(self.program.text("finetune", *self.words(self.folder / name, *more)))

    def plain(self):
        made = self.run("out")
        bound = made["report"]["bound"]
        need(bound["rates"] == "assumed" and bound["seconds"] > 0
             and near(bound["share"] * bound["step_s"], bound["seconds"], 1e-9), f"the bound is {bound}")
        self.compare(made)

    def least_memory(self):
        """The same losses with the least memory, in which no kept input stays on the device."""
        least = self.program.least_memory(lambda *more: self.run("least", *more))
        made = self.run("out", "--device-memory", least)
        need(made["report"]["host"]["inputs"] > 0, "the kept inputs stayed on the device")
        peak = made["report"]["peak"]["device"]
        need(peak["bytes"] <= peak["planned"] <= least, f"the device held {peak} of {least}")
        self.compare(made)

    def same_as_reruns(self):
        """A run that keeps all graphs has the bits of one that runs units again."""
        made, again = self.run("kept", "--activation-checkpointing", "off"), self.run("again")
        self.same_bits("with graphs", made["steps"], made, again)
        if "--dropout" not in self.case.words:
            self.compare(made)

    def graphs_in_the_least_memory(self):
        """The same losses without reruns, with the least memory that has room for all graphs; a byte less is
        refused."""
        words = "--activation-checkpointing", "off"
        least = self.program.least_memory(lambda *more: self.run("least", *words, *more))
        need(least > self.program.least_memory(lambda *more: self.run("least", *more)), "graphs take no memory")
        try:
            self.run("refused", *words, "--device-memory", least - 1)
        except Refused as refused:
            need("--activation-checkpointing on" in str(refused), f"the refusal says {refused}")
        else:
            need(False, "less than the least memory was accepted")
        made = self.run("out", *words, "--device-memory", least)
        peak = made["report"]["peak"]["device"]
        need(peak["bytes"] <= peak["planned"] <= least, f"the device held {peak} of {least}")
        need(made["report"]["host"]["inputs"] == 0, "inputs were kept")
        if "bfloat16" not in self.case.words:
            self.compare(made)

    def same_as_in_memory(self):
        """The run has the bits of one whose weights and states are in memory."""
        in_memory = tuple("cpu" if word == "nvme" else word for word in self.case.words)
        other = Checked(dataclasses.replace(self.case, words=in_memory), self.model, self.program, self.folder)
        made, want = self.run("out"), other.run("memory")
        for key in ("loss", "grad_norm"):
            need([step[key] for step in made["steps"]] == [step[key] for step in want["steps"]], f"{key} differs")
        got, want = (weights(pathlib.Path(one["output"])) for one in (made, want))
        need(want and got == want, "the weights are others")
        need(all(made["report"]["files"][one] > 0 for one in ("weights", "states")), f"in files: {made['report']}")

    def float16(self):
        """Losses are near those in float32; a scale that overflows is halved until it does not, but for the first
        overflow, and those steps change no rate."""
        kind = self.case.data
        _, want = self.model.reference(self.case.settings, kind)
        made = self.run("out", "--set", "train.loss_scale=1024")["steps"]
        need(not any(step["skipped"] for step in made), "a step was skipped")
        for got, exact in zip(made, want, strict=True):
            need(near(got["loss"], exact["loss"], 1e-2), f"{got['loss']}, not {exact['loss']}")
        made = self.run("scaled", "--set", "train.initial_scale_power=24")["steps"]
        skipped = next(at for at, step in enumerate(made) if not step["skipped"])
        need(2 < skipped < len(made), f"{skipped} steps were skipped")
        scales = [2.0 ** (24 - max(0, at - 1)) for at in range(skipped + 1)]
        need([step["loss_scale"] for step in made[:skipped + 1]] == scales, f"other scales than {scales}")
        need(all(step["lr"] == made[0]["lr"] for step in made[:skipped + 1]), "the rate of a skipped step counts")

    def with_words(self, *words):
        return Checked(dataclasses.replace(self.case, words=words), self.model, self.program, self.folder)

    def bfloat16_storage(self):
        """Weights that are bfloat16 between the steps move as far as float32 ones, take 4 bytes less, and are saved
        and resumed as they are."""
        want, steps = self.model.reference(self.case.settings, self.case.data)
        made = self.run("out")
        off = [abs(got["loss"] / step["loss"] - 1) for got, step in zip(made["steps"], steps, strict=True)]
        need(max(off) <= NOISY_LOSS and sum(off) / len(off) <= NOISY_MEAN, f"the losses are {off} off")
        parameters = self.moves_as_far(made["output"], want)
        wide = self.with_words("--dtype", "bfloat16")
        mine, theirs = made["report"]["host"], wide.run("wide")["report"]["host"]
        need(mine["weights"] == theirs["weights"] and mine["gradients"] == theirs["gradients"]
             and mine["states"] + 4 * parameters <= theirs["states"], f"{mine} and with float32 {theirs}")
        first = self.run("parts", "--bench-steps", 8, "--save-checkpoint")
        rest = self.run("parts", "--resume", "latest")
        self.same_bits("in parts", first["steps"] + rest["steps"], rest, made)
        dtypes = set()
        for file in (self.folder / "parts" / "checkpoint-8").glob("unit-*.safetensors"):
            with safetensors.safe_open(file, "pt") as saved:
                dtypes |= {saved.get_slice(name).get_dtype() for name in saved.keys() if name.startswith("weight/")}
        need(dtypes == {"BF16"}, f"the checkpoint's weights are {dtypes}")
        self.refuses("--storage-dtype: float32 here, bfloat16 in", lambda: wide.run("parts", "--resume", "latest"))

    def moves_as_far(self, folder, want):
        """Compares the way of all weights with that of the reference: its length in that direction. Rounding
        to nearest would give 0.19 at most. Returns the number of the parameters."""
        def loaded(path):
            return dict(transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).named_parameters())

        begin, end, along, length, count = loaded(self.model.folder), loaded(folder), 0.0, 0.0, 0
        for name, goal in want.named_parameters():
            got = end[name].detach()
            need(torch.equal(got, got.bfloat16().float()), f"{name} is not in bfloat16")
            way = (goal - begin[name]).detach().double()
            along += float((way * (got - begin[name].detach().bfloat16().float())).sum())
            length += float((way * way).sum())
            count += got.numel()
        need(0.9 < along / length < 1.1, f"the weights moved {along / length:.3f} times as far")
        return count

    def bfloat16_tiers(self):
        """With bfloat16 storage neither tiers nor the threads of the update change a bit; what does not go with it is
        refused."""
        whole = self.run("out")
        for name, *words in (("cpu", "--offload", "cpu", "--offload-optimizer", "cpu"),
                             ("nvme", "--offload-optimizer", "nvme", "--offload-dir", self.folder / "tier")):
            made = self.run(name, *words)
            self.same_bits(name, made["steps"], made, whole)
        need(made["report"]["files"]["states"] > 0, "no moments were in files")
        ends = []
        for part in (0.5, 1):
            words = self.words(self.folder / f"threads{part}", "--set", f"train.optimizer_cores={part}")
            words[words.index("--threads") + 1] = 2
            ends.append(json.loads(self.program.text("finetune", *words)))
        self.same_bits("with two threads", ends[1]["steps"], ends[1], ends[0])
        self.refuses("--offload: nvme maps no memory", lambda: self.run("none", "--offload", "nvme"))
        for words, line in ((("--dtype", "float32"), "the weights that compute are float32"),
                            (("--dtype", "bfloat16", "--lora", 4), "adapters are float32")):
            self.refuses(line, lambda words=words: self.with_words(*words, *table.BF16[2:]).run("none"))

    def refuses(self, line, run):
        try:
            run()
        except Refused as refused:
            need(line in str(refused) and len(str(refused).splitlines()) == 1, f"refused with: {refused}")
        else:
            need(False, f"accepted, not refused with: {line}")

    def shuffle(self):
        """Each epoch is another order of all rows. Each row has a length of its own, which tells it."""
        made, again = self.run("out"), self.run("again")
        places = {one.count: at for at, one in enumerate(self.model.sequences["lengths"])}
        order = tuple(places[step["scored"]] for step in made["steps"])
        half = len(places)
        epochs = [order[:half], order[half:]]
        need(all(sorted(one) == list(range(half)) for one in epochs), f"no order of all rows: {order}")
        need(list(range(half)) not in map(list, epochs) and epochs[0] != epochs[1], f"not shuffled: {order}")
        need([step["loss"] for step in made["steps"]] == [step["loss"] for step in again["steps"]],
             "the same seed gave other losses")
        self.compare(made, order)

    def resume(self):
        """A run that ends after 8 steps and is resumed is the run that was not, bit for bit."""
        whole = self.run("out")
        self.compare(whole)
        first = self.run("parts", "--bench-steps", 8, "--save-checkpoint")
        rest = self.run("parts", "--resume", "latest")
        need((len(first["steps"]), len(rest["steps"])) == (8, len(whole["steps"]) - 8),
             f"{len(first['steps'])} and {len(rest['steps'])} steps")
        self.same_bits("in parts", first["steps"] + rest["steps"], rest, whole)

    def resume_each(self):
        """Checkpoints that are written while the next steps go on change nothing, and each leads to the same end."""
        whole = self.run("out")
        self.compare(whole)
        saved = self.run("saved", "--save-every", 1)
        self.same_bits("with checkpoints", saved["steps"], saved, whole)
        for step in range(1, self.case.settings.steps):
            rest = self.run(f"rest{step}", "--resume", self.folder / "saved" / f"checkpoint-{step}")
            self.same_bits(f"behind step {step}", whole["steps"][:step] + rest["steps"], rest, whole)

    def placements(self):
        placements(self)

    def same_bits(self, words, steps, made, whole):
        for got, step in zip(steps, whole["steps"], strict=True):
            other = [key for key in ("step", "loss", "lr", "grad_norm", "scored") if got[key] != step[key]]
            need(not other, f"{words}, {other} of step {step['step']} differ: {got} and {step}")
        want, got = (weights(pathlib.Path(one["output"])) for one in (whole, made))
        need(want and got == want, f"{words}, the weights are others")

    def compare(self, made, order=None):
        want, steps = self.model.reference(self.case.settings, self.case.data, order)
        need(len(made["steps"]) == len(steps), f"{len(made['steps'])} steps, not {len(steps)}")
        for at, (got, step) in enumerate(zip(made["steps"], steps, strict=True)):
            for key, relative in (("scored", 0), ("lr", 1e-6), ("loss", LOSS), ("grad_norm", NORM)):
                need(near(got[key], step[key], relative), f"step {at + 1}: {key} {got[key]}, not {step[key]}")
        self.compare_weights(made["output"], want)

    def compare_weights(self, folder, want):
        trained, info = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager",
            output_loading_info=True)
        need(not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), f"{info}")
        expected, far = dict(want.named_parameters()), []
        for name, tensor in trained.named_parameters():
            off = (tensor.detach() - expected[name].detach()).abs()
            self.leave_out(name, off)
            if not float(off.max()) <= WEIGHT and not self.few_are_far(off):
                far.append((float(off.max()), int((off > WEIGHT).sum()), name))
        need(not far, "weights differ (by, in how many, of): " + ", ".join(
            f"{by:.1e} {count} {name}" for by, count, name in sorted(far, reverse=True)[:6]))
        ids = torch.tensor([self.model.sequences["texts"][0].ids])
        with torch.no_grad():
            off = distance(trained.eval()(ids).logits.numpy(), want(ids).logits.numpy())
        need(off <= TOLERANCE, f"the trained model's logits are {off:.1e} off")

    def few_are_far(self, off):
        """Whether no more elements are far than the case allows, and none by a whole step."""
        far = int((off > WEIGHT).sum())
        return far <= self.case.few * off.numel() and float(off.max()) < self.case.settings.lr

    def leave_out(self, name, off):
        """Sets the distance of elements to 0 whose gradient is zero in exact arithmetic."""
        end, shape, index = table.ZERO.get(self.model.row.config["model_type"], (None, None, None))
        if end and name.endswith(end):
            heads = self.model.row.config.get("n_head")
            off.view([heads if size == "heads" else size for size in shape])[index] = 0


def checked(jobs, options, parent):
    """(name, words) of the cases that failed, and how many were run."""
    if options.device != "cpu":
        torch.cuda.is_available = lambda: False  # the reference is the CPU's, in forks where CUDA cannot begin
    make_program = Many if options.device == "cpu" else Program
    program, failures, count = make_program(options.program, device=options.device), [], 0
    for job in jobs:
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            folder = pathlib.Path(folder)
            try:
                model = Model(job[0].model, job[0].routers, folder)
            except Exception:
                failures += [(case.name, traceback.format_exc()) for case in job]
                continue
            failures += failures_of(job, folder, lambda case, place: Checked(case, model, program, place))
            count += len(job)
    program.close()
    return failures, count


def main():
    options = parser()
    options.add_argument("--device", default="cpu")
    options = options.parse_args()
    return run([case for case in table.cases() if options.case in case.name], options, checked)


if __name__ == "__main__":
    sys.exit(main())
