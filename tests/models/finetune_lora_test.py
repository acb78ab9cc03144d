"""`strata finetune --lora` against PEFT's adapters in a plain PyTorch loop: losses, norms, the trained A and B, and
what PEFT and transformers load.

Usage: finetune_lora_test.py PROGRAM FOLDER [--case WORDS]
"""

import argparse
import dataclasses
import pathlib
import shutil
import sys
import tempfile

import peft
import safetensors.torch
import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import finetune_cases as table  # noqa: E402
import workers  # noqa: E402
from finetune_lora_reference import train  # noqa: E402
from finetune_reference import Settings, load  # noqa: E402
from finetune_test import MARGIN, Checked, Model  # noqa: E402
from program import TOLERANCE, Many, Program, Refused  # noqa: E402
from quant_cases import groups, nf4, packed_values, snapped  # noqa: E402
from stored import store  # noqa: E402
from tested import distance, need  # noqa: E402

SEED = 7  # of finetune_test.py's runs
WEIGHT = 1e-5
STEP = Settings(lr=1e-3, steps=12, warmup=2, eps=1e-6)
MORE = dataclasses.replace(STEP, batch=1, accumulation=3, clip=0.05, weight_decay=0.5, schedule="cosine")
EXPERTS = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")


@dataclasses.dataclass(frozen=True)
class Lora(table.Case):
    """`words` ask the program for what the other fields ask PEFT for."""
    rank: int = 4
    alpha: float = 8
    rslora: bool = False
    targets: object = "all-linear"
    parameters: tuple = ()
    in_out: bool = False
    pack: object = None  # the values of a matrix that --quant has packed

    def config(self):
        targets = list(self.targets) if isinstance(self.targets, tuple) else self.targets
        return peft.LoraConfig(
            r=self.rank, lora_alpha=self.alpha, use_rslora=self.rslora, target_modules=targets,
            target_parameters=list(self.parameters) or None, fan_in_fan_out=self.in_out, lora_dropout=0.0,
            task_type="CAUSAL_LM")


RANK = ("--lora", 4)
# With "all-linear" PEFT would give the fused weight of experts twice the rank.
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
CASES = [
    Lora("llama: all", "llama", STEP, RANK),
    Lora("llama: many settings", "llama", MORE, (*RANK, "--offload", "cpu")),
    Lora("llama, tied: names, rslora", "llama, tied", STEP,
         ("--lora", 3, "--lora-alpha", 5, "--lora-rslora", "--lora-targets", "q_proj,v_proj", "--lora-targets",
          "down_proj"), rank=3, alpha=5, rslora=True, targets=("q_proj", "v_proj", "down_proj")),
    Lora("llama: a pattern", "llama", STEP, (*RANK, "--lora-targets", r".*\.0\..*(up|o)_proj"),
         targets=r".*\.0\..*(up|o)_proj"),
    Lora("llama: the least memory", "llama", STEP, (*RANK, "--offload", "cpu"), check="least_memory"),
    Lora("llama: no checkpointing", "llama", MORE, (*RANK, "--offload", "cpu"), check="same_as_reruns"),
    Lora("olmoe: no checkpointing, the least memory", "olmoe", STEP, RANK, targets=ATTENTION,
         parameters=(*EXPERTS, "mlp.gate.weight"), check="graphs_in_the_least_memory"),
    Lora("llama: the model on disk", "llama", MORE, (*RANK, "--offload", "nvme"), check="resume"),
    Lora("llama: the model on disk, the least memory", "llama", STEP, (*RANK, "--offload", "nvme"),
         check="least_memory"),
    Lora("llama: resume", "llama", MORE, RANK, check="resume"),
    Lora("llama: merge", "llama", STEP, (*RANK, "--lora-merge"), check="merge"),
    Lora("gpt2: linear layers that are stored turned", "gpt2", STEP, RANK, in_out=True),
    Lora("olmoe: all, experts and routers", "olmoe", STEP, RANK, targets=ATTENTION,
         parameters=(*EXPERTS, "mlp.gate.weight")),
    Lora("olmoe: parameters by name", "olmoe", MORE,
         (*RANK, "--lora-targets", "q_proj,o_proj", "--lora-target-parameters", ",".join(EXPERTS)),
         targets=("q_proj", "o_proj"), parameters=EXPERTS),
    Lora("olmoe: the model on disk", "olmoe", STEP,
         (*RANK, "--offload", "nvme", "--lora-targets", "q_proj", "--lora-target-parameters", ",".join(EXPERTS)),
         targets=("q_proj",), parameters=EXPERTS),
    Lora("olmoe: merge", "olmoe", STEP,
         (*RANK, "--lora-merge", "--lora-targets", "o_proj", "--lora-target-parameters", EXPERTS[0]),
         targets=("o_proj",), parameters=EXPERTS[:1], check="merge"),
    Lora("llama: int4", "llama", MORE, (*RANK, "--quant", "int4"), check="quantized", pack=groups(64, 15)),
    Lora("gpt2: nf4", "gpt2", STEP, (*RANK, "--quant", "nf4", "--offload", "nvme"), in_out=True, check="quantized",
         pack=nf4),
    Lora("olmoe: int8 experts", "olmoe", STEP, (*RANK, "--quant", "int8"), targets=ATTENTION,
         parameters=(*EXPERTS, "mlp.gate.weight"), check="quantized", pack=groups(64, 255)),
    Lora("llama: refusals", "llama", STEP, RANK, check="refusals"),
]


class AdapterModel(Model):
    def __init__(self, case, parent):
        super().__init__(case.model, False, parent)
        self.case, self.base = case, self.folder

    def reference(self, settings, kind, order=None):
        model, steps, margin = train(self.base, self.sequences[kind], settings, self.case.config(), SEED)
        need(margin > MARGIN, f"two experts' scores are {margin:.1e} apart: change the seed")
        return model, steps


class CheckedAdapter(Checked):
    def ids(self):
        return torch.tensor([self.model.sequences["texts"][0].ids])

    def compare_weights(self, folder, want):
        got = safetensors.torch.load_file(pathlib.Path(folder, "adapter_model.safetensors"))
        expected = peft.get_peft_model_state_dict(want)
        need(set(got) == set(expected), f"other tensors: {set(got) ^ set(expected)}")
        far = [(float((got[name] - tensor).abs().max()), name) for name, tensor in expected.items()]
        far = [one for one in far if not one[0] <= WEIGHT]
        need(not far, f"weights differ: {sorted(far, reverse=True)[:6]}")
        need(any(tensor.abs().max() > 1e-4 for name, tensor in got.items() if "lora_B" in name), "nothing was trained")
        loaded = peft.PeftModel.from_pretrained(load(self.model.base), folder).eval()
        with torch.no_grad():
            off = distance(loaded(self.ids()).logits.numpy(), want(self.ids()).logits.numpy())
        need(off <= TOLERANCE, f"PEFT's logits with the folder are {off:.1e} off")

    def quantized(self):
        """Adapters beside packed weights are those beside their values."""
        made = self.run("out")
        folder, report = self.model.folder, made["report"]
        need(report["quant"]["packed"] > 0 and report["quant"]["bytes"] < 0.6 * report["quant"]["bytes_before"],
             f"the report has {report['quant']}")
        self.model.base = self.folder / "values"
        shutil.copytree(folder, self.model.base, ignore=shutil.ignore_patterns(".strata-quant"))
        store(self.model.base, lambda every: snapped(every, self.case.pack, self.model.row.config["model_type"],
                                                     ties=packed_values(folder)))
        self.compare(made)

    def merge(self):
        made = self.run("out")
        want, steps = self.model.reference(self.case.settings, self.case.data)
        need(len(made["steps"]) == len(steps), f"{len(made['steps'])} steps")
        need(not pathlib.Path(made["output"], "adapter_config.json").exists(), "it holds an adapter too")
        need([one.name for one in self.folder.iterdir() if "adapter" in one.name] == [], "an adapter is left over")
        trained = load(made["output"]).eval()
        with torch.no_grad():
            off = distance(trained(self.ids()).logits.numpy(), want(self.ids()).logits.numpy())
            base = load(self.model.folder).eval()(self.ids()).logits.numpy()
        need(off <= TOLERANCE, f"the merged model's logits are {off:.1e} off")
        need(distance(base, want(self.ids()).logits.detach().numpy()) > 10 * TOLERANCE, "nothing was trained")

    def refused(self, *more):
        try:
            self.run("refused", *more)
        except Refused as refused:
            need(not (self.folder / "refused").exists(), f"{more} left something behind")
            return str(refused)
        raise AssertionError(f"{more} was accepted")

    def refusals(self):
        words = self.refused("--lora-targets", "q_proj,v_porj")
        need("--lora-targets" in words and "'v_porj'" in words and "v_proj" in words, words)
        words = self.refused("--lora-target-parameters", "q_proj")
        need("--lora-target-parameters" in words, words)
        words = self.refused("--quant", "int4", "--lora-merge")
        need("--quant: --lora-merge would write" in words and "strata import" in words, words)
        whole = CheckedAdapter(dataclasses.replace(self.case, words=()), self.model, self.program, self.folder)
        words = whole.refused("--quant", "int4")
        need("--quant: quantized weights are not trained" in words and "--lora RANK" in words, words)
        self.resumes_alone(("--lora-alpha", 3), "--lora-alpha: 3")
        self.resumes_alone(("--quant", "int8"), "--quant: int8 here, none in")
        self.run("packed", "--bench-steps", 2, "--save-checkpoint", "--quant", "int4")
        self.resumes_alone((), "--quant: none here, int4 in", "packed")
        self.resumes_alone(("--quant", "int8"), "--quant: int8 here, int4 in", "packed")

    def resumes_alone(self, more, words, name="first"):
        """A run is not resumed with other options."""
        if not (self.folder / name).exists():
            self.run(name, "--bench-steps", 2, "--save-checkpoint")
        try:
            self.run(name, "--resume", "latest", *more)
        except Refused as refused:
            need(words in str(refused), str(refused))
        else:
            raise AssertionError(f"{more} was accepted")


def check(case, options, parent):
    make = Many if options.device == "cpu" else Program
    program = make(options.program, device=options.device)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        folder = pathlib.Path(folder)
        model = AdapterModel(case, folder)
        place = folder / "runs"
        (place / "tier").mkdir(parents=True)
        try:
            getattr(CheckedAdapter(case, model, program, place), case.check)()
        finally:
            program.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--case", default="")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    workers.load_transformers()
    transformers.logging.set_verbosity_error()
    cases = {case.name: case for case in CASES if options.case in case.name}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return workers.checked(list(cases), lambda name: check(cases[name], options, folder))


if __name__ == "__main__":
    sys.exit(main())
