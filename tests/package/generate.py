"""Generates with strangers' plugins: what a family computes equals transformers, whoever made it.

usage: generate.py STRATA FAMILY.so TIER.so

The family is called as its manifest's key, and is a decoder as transformers' llama is one.
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


def renamed(folder, key):
    """The checkpoint under another model_type; nothing else of it says llama."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.update(model_type=key, architectures=[key.capitalize() + "ForCausalLM"])
    path.write_text(json.dumps(config))


def main():
    strata, family, tier = map(pathlib.Path, sys.argv[1:])
    names = [json.loads(p.with_suffix(".json").read_text())["name"] for p in (family, tier)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        model = tiny.save(folder, attention_bias=False, mlp_bias=False)
        renamed(folder, names[0])
        tokens = tiny.prompt(15, model.config.vocab_size)
        options = ["--model", folder, "--plugin", family, "--device", "cpu", "--input-ids",
                   tiny.ids(tokens)]
        expected = tiny.greedy(model, tokens, TOKENS)
        for offload in ("device", "nvme", names[1]):
            used = [*options, "--offload", offload, *(["--plugin", tier] * (offload == names[1])),
                    *(["--set", "offload.shelf.strict=true"] * (offload == "shelf"))]
            said = tiny.result(strata, "generate", *used, "--max-new-tokens", TOKENS, "--json")
            tiny.expect(said["output_ids"] == [expected],
                        f"{names[0]} from {offload}: {said['output_ids']}, not {expected}")
            plugins = [one["name"] for one in said["report"]["plugins"]]
            tiny.expect(names[0] in plugins and (offload == "device" or offload in plugins), plugins)
            out = folder / "logits.safetensors"
            tiny.run(strata, "logits", *used, "--output", out)
            with torch.no_grad():
                wanted = model(torch.tensor([tokens])).logits[0]
            apart = (load_file(out)["logits"] - wanted).abs().max() / wanted.abs().max()
            tiny.expect(apart <= 2e-4, f"{names[0]} from {offload}: logits off by {apart}")
            print(f"{names[0]} from {offload}: tokens equal, logits within {apart:.1e}")
        unnamed = tiny.run(strata, "generate", "--model", folder, "--device", "cpu", "--input-ids",
                           tiny.ids(tokens), status=2)
        tiny.expect(names[0] in unnamed.stderr, unnamed.stderr)


main()
