"""A model run with a stranger's codec or attention backend, by its name, equals transformers.

usage: uses.py STRATA PLUGIN.so

The values that the strangers' codecs make of a weight are written out here once more.
"""

import json
import pathlib
import sys
import tempfile

from safetensors.torch import load_file
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "proofs"))
import tiny  # noqa: E402

TOKENS = 12


def octet(weight):
    scale = weight.abs().amax(1, keepdim=True) / 127
    return (weight / scale).round() * scale


def clip(weight):
    return (weight.view(torch.int32) & ~0xFFFF).view(torch.float32)


def quantize(model, codec):
    """All matrices of the layers; tables and heads stay as they are."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".layers." in name and weight.dim() == 2:
                weight.copy_(codec(weight))


def check(strata, options, model, tokens, what):
    expected = tiny.greedy(model, tokens, TOKENS)
    said = tiny.result(strata, "generate", *options, "--max-new-tokens", TOKENS, "--json")
    tiny.expect(said["output_ids"] == [expected], f"{what}: {said['output_ids']}, not {expected}")
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "logits.safetensors"
        tiny.run(strata, "logits", *options, "--output", out)
        with torch.no_grad():
            wanted = model(torch.tensor([tokens])).logits[0]
        apart = (load_file(out)["logits"] - wanted).abs().max() / wanted.abs().max()
    tiny.expect(apart <= 2e-4, f"{what}: logits off by {apart}")
    print(f"{what}: tokens equal, logits within {apart:.1e}")
    return said["report"]


def main():
    strata, library = map(pathlib.Path, sys.argv[1:])
    manifest = json.loads(library.with_suffix(".json").read_text())
    kind, name = manifest["kind"], manifest["name"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        model = tiny.save(folder, attention_bias=False, mlp_bias=False)
        tokens = tiny.prompt(15, model.config.vocab_size)
        options = ["--model", folder, "--plugin", library, "--device", "cpu", "--input-ids",
                   tiny.ids(tokens), f"--{kind}", name]
        if kind == "quant":
            dense = check(strata, options[:-2], model, tokens, "no codec")["weights"]["bytes"]
            quantize(model, {"octet": octet, "clip": clip}[name])
            options += ["--quant-cache", folder / "cache"]
        reports = [check(strata, [*options, "--offload", offload], model, tokens, f"{name} from {offload}")
                   for offload in ("device", "cpu", "nvme")]
        used = [one["name"] for one in reports[0]["plugins"]]
        tiny.expect(name in used, f"{name} is not among {used}")
        if kind == "quant":
            packed = reports[-1]["weights"]["bytes"]
            tiny.expect(packed < 0.8 * dense, f"{name}: {packed} bytes of {dense}")


main()
