"""A run holds in host memory what its tiers hold, besides LibTorch and the arena of the device, from
whichever format its weights come; and no more than its plan says, which is not wasteful."""

import json
import pathlib
import shutil
import subprocess
import tempfile

import safetensors.torch
import torch

from program import BUDGET, MODEL, OFFLOADS, PROGRAM, check, command, result, streamed

HELD = ("cpu", "pinned")
WASTE = 1.25  # planned over held


def within(arguments, words):
    report = result(arguments)["report"]
    peak = report["peak"]
    held = sum(report["tiers"].get(tier, {"bytes": 0})["bytes"] for tier in HELD)
    taken = peak["host"]["bytes"] - peak["host"]["start"] - peak["arena"]["bytes"]
    most = 1.01 * held + (128 << 20)
    check(0 < peak["host"]["start"] and taken <= most,
          f"{words}: {taken} bytes beside the arena, at most {most:.0f}")
    held, planned = peak["host"]["bytes"], peak["host"]["planned"]
    check(held <= planned <= WASTE * held, f"{words}: {held} bytes in memory, planned {planned}")


for arguments in (command("--offload", "device", tokens=2), command("--offload", "cpu", tokens=2),
                  *(command("--offload", offload, "--device-memory", BUDGET, tokens=2) for offload in HELD),
                  *(streamed(offload, tokens=2) for offload in OFFLOADS)):
    within(arguments, str(arguments[-4:]))
with tempfile.TemporaryDirectory(prefix="strata-", dir=pathlib.Path(PROGRAM).parent) as parent:
    whole = pathlib.Path(parent, "safetensors")
    subprocess.run([PROGRAM, "import", MODEL, "--output", whole], check=True)
    within(command("--offload", "cpu", model=str(whole), tokens=2), "safetensors")
    weights = safetensors.torch.load_file(whole / "model.safetensors")
    def shards(folder, save, suffix):
        """The weights in three files and an index."""
        folder.mkdir()
        shutil.copy(whole / "config.json", folder)
        files = {key: f"model-{i % 3}.{suffix}" for i, key in enumerate(sorted(weights))}
        for file in set(files.values()):
            save({key: weights[key] for key in weights if files[key] == file}, folder / file)
        index = "model.safetensors.index.json" if suffix == "safetensors" else "pytorch_model.bin.index.json"
        (folder / index).write_text(json.dumps({"weight_map": files}))
        within(command("--offload", "cpu", model=str(folder), tokens=2), f".{suffix}, in three files")
        shutil.rmtree(folder)

    shards(pathlib.Path(parent, "sharded"), safetensors.torch.save_file, "safetensors")
    shards(pathlib.Path(parent, "sharded bin"), torch.save, "bin")
    for name, dtype, zipped in (("zip", torch.float32, True), ("legacy", torch.bfloat16, False)):
        folder = pathlib.Path(parent, name)
        folder.mkdir()
        shutil.copy(whole / "config.json", folder)
        torch.save({key: weight.to(dtype) for key, weight in weights.items()},
                   folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
        within(command("--offload", "cpu", model=str(folder), tokens=2), f".bin, {name}")
