"""DeepSpeed's engine (ZeRO stage 3, on the CPU) against a plain loop over transformers' llama, and `strata finetune
--ds-config` against both, step by step. It is no test of ctest: DeepSpeed is no package that the tests need.

Usage: finetune_deepspeed.py FOLDER [PROGRAM]
Needs an interpreter with torch, transformers and deepspeed: in an environment that sees the tests' packages,
`DS_BUILD_OPS=0 pip install --no-build-isolation deepspeed hjson ninja msgpack psutil py-cpuinfo einops`.
"""

import importlib.metadata
import json
import os
import pathlib
import sys
import tempfile

os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1", DS_ACCELERATOR="cpu")
os.environ.setdefault("MASTER_PORT", "29543")

import deepspeed  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

import finetune_cases as table  # noqa: E402
import finetune_data as data  # noqa: E402
from finetune_reference import Loop, Settings, decays, load, steps_of  # noqa: E402
from finetune_test import LOSS, WEIGHT, near  # noqa: E402
from program import Program  # noqa: E402
from row import make  # noqa: E402

STEPS = 20
SETTINGS = Settings(lr=1e-4, steps=STEPS, batch=2, weight_decay=0.5, betas=(0.85, 0.98), clip=0.5, warmup=4)


def config(settings):
    return {
        "train_micro_batch_size_per_gpu": settings.batch, "gradient_accumulation_steps": 1,
        "gradient_clipping": settings.clip, "steps_per_print": 1000,
        "optimizer": {"type": "AdamW", "params": {"lr": settings.lr, "betas": list(settings.betas),
                                                  "eps": settings.eps, "weight_decay": settings.weight_decay,
                                                  "torch_adam": True}},
        "scheduler": {"type": "WarmupDecayLR", "params": {
            "warmup_min_lr": 0, "warmup_max_lr": settings.lr, "warmup_num_steps": settings.warmup,
            "total_num_steps": settings.steps, "warmup_type": "linear"}},
        "zero_optimization": {"stage": 3, "offload_optimizer": {"device": "none"}},
        "zero_force_ds_cpu_optimizer": False, "bf16": {"enabled": False}, "fp16": {"enabled": False},
    }


def padded(batch):
    longest = max(len(one.ids) for one in batch)
    rows = [(list(one.ids), longest - len(one.ids)) for one in batch]
    return {"input_ids": torch.tensor([ids + [0] * more for ids, more in rows]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * more for ids, more in rows]),
            "labels": torch.tensor([ids + [-100] * more for ids, more in rows])}


def engine_steps(folder, sequences, settings):
    """The numbers that DeepSpeed's engine has of each step, and the weights at the end."""
    model = load(folder).train()
    named = list(model.named_parameters())
    groups = [{"params": [p for name, p in named if decays(name, p)], "weight_decay": settings.weight_decay},
              {"params": [p for name, p in named if not decays(name, p)], "weight_decay": 0.0}]
    engine, *_ = deepspeed.initialize(model=model, model_parameters=groups, config=config(settings))
    made = []
    for (batch,) in steps_of(sequences, settings):
        rate = engine.get_lr()[0]
        loss = engine(**padded(batch), use_cache=False).loss
        engine.backward(loss)
        engine.step()
        made.append({"loss": loss.item(), "lr": rate, "grad_norm": float(engine.get_global_grad_norm())})
    with deepspeed.zero.GatheredParameters([p for _, p in named]):
        weights = {name: p.detach().clone() for name, p in named}
    return made, weights


def loop_steps(folder, sequences, settings):
    """The same of the plain loop. The engine's schedules begin with their least rate twice, so that each step has
    the rate that transformers' schedule gives the step before."""
    loop = Loop(load(folder), settings)
    later, total = settings.warmup, settings.steps
    loop.schedule = torch.optim.lr_scheduler.LambdaLR(loop.optimizer, lambda step: min(
        max(step - 1, 0) / later, (total - max(step - 1, 0)) / (total - later)))
    made = [loop.step(batches) for batches in steps_of(sequences, settings)]
    return made, {name: p.detach() for name, p in loop.model.named_parameters()}


def strata_steps(program, folder, file, settings, parent):
    written = parent / "ds.json"
    written.write_text(json.dumps(config(settings)))
    out = json.loads(Program(program).text(
        "finetune", "--model", folder, "--data", file, "--output", parent / "out", "--ds-config", written,
        "--dtype", "float32", "--device", "cpu", "--max-steps", settings.steps, "--shuffle", "off",
        "--max-length", 64, "--json"))
    model = transformers.AutoModelForCausalLM.from_pretrained(out["output"], dtype=torch.float32)
    return out["steps"], {name: p.detach() for name, p in model.named_parameters()}


def differences(name, steps, weights, other, others):
    """Lines about what is not alike."""
    out = []
    for at, (one, two) in enumerate(zip(steps, other, strict=True)):
        for key, limit in (("loss", LOSS), ("lr", 1e-6), ("grad_norm", 1e-4)):
            if not near(one[key], two[key], limit):
                out.append(f"{name}: step {at + 1}: {key} {one[key]}, not {two[key]}")
    far = max((float((weights[key] - others[key]).abs().max()), key) for key in others)
    print(f"{name}: losses within {max(abs(a['loss'] / b['loss'] - 1) for a, b in zip(steps, other)):.1e}, "
          f"weights within {far[0]:.1e} ({far[1]})")
    return out + ([f"{name}: {far[1]} is {far[0]:.1e} off"] if far[0] > WEIGHT else [])


def main():
    transformers.logging.set_verbosity_error()
    print(*(f"{name} {importlib.metadata.version(name)}" for name in ("deepspeed", "torch", "transformers")), sep=", ")
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as parent:
        parent = pathlib.Path(parent)
        row = table.row_of("llama", False)
        make(row, parent / "model")
        data.write_tokenizer(parent / "model", row.vocabulary)
        rows = data.texts(4, row.vocabulary, data.some_lengths(2, STEPS * SETTINGS.batch))
        sequences = data.write_texts(parent / "data.jsonl", rows, row.vocabulary)
        loop, weights = loop_steps(parent / "model", sequences, SETTINGS)
        theirs, engine = engine_steps(parent / "model", sequences, SETTINGS)
        wrong = differences("DeepSpeed and the loop", theirs, engine, loop, weights)
        if len(sys.argv) > 2:
            ours, trained = strata_steps(sys.argv[2], parent / "model", parent / "data.jsonl", SETTINGS, parent)
            wrong += differences("Strata and DeepSpeed", ours, trained, theirs, engine)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
