"""Gradients of every parameter of a tiny llama, float64, units streamed: equal to PyTorch's.

usage: gradients_test.py PROGRAM
"""

import pathlib
import sys
import tempfile

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers.models.llama import modeling_llama

import tiny

TOLERANCE = 1e-9  # relative to the largest gradient
LAYERS = tiny.DEFAULTS["num_hidden_layers"]


# transformers rounds to float32 inside of its norm, whatever the model's dtype. Its rotation does so
# too, but that one is a constant, the same here and there.
modeling_llama.LlamaRMSNorm.forward = lambda self, x: F.rms_norm(
    x, x.shape[-1:], self.weight, self.variance_epsilon)


def reference(model, tokens):
    model = model.double()
    model.zero_grad()
    ids = torch.tensor([tokens])
    loss = F.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:])
    loss.backward()
    return loss.item(), {name: weight.grad for name, weight in model.named_parameters()}


def check(program, folder, tokens, expected, *options):
    out = folder / "gradients.safetensors"
    said = tiny.result(program, out, "--", "--model", folder, "--device", "cpu",
                       "--input-ids", tiny.ids(tokens), *options)
    loss, wanted = expected
    made = load_file(out)
    tiny.expect(abs(said["loss"] - loss) <= TOLERANCE * loss, f"loss {said['loss']}, not {loss}")
    tiny.expect(made.keys() == wanted.keys(), f"gradients of {sorted(made.keys() ^ wanted.keys())}")
    largest = max(g.abs().max() for g in wanted.values())
    worst = max((made[name] - g).abs().max() for name, g in wanted.items())
    tiny.expect(worst <= TOLERANCE * largest, f"{options}: off by {worst}, largest {largest}")
    whole = 2 * LAYERS + 2  # the number of units if the head were one
    tiny.expect(said["units"] > whole, f"{said['units']} units: the head is not in tiles")
    for name, g in wanted.items():
        tiny.expect(g.abs().max() > 0, f"{name} has no gradient: the test shows nothing")
    return said


def main():
    program = sys.argv[1]
    for tied in (False, True):
        for stored in (torch.float32, torch.float64):
            with tempfile.TemporaryDirectory() as temporary:
                folder = pathlib.Path(temporary)
                model = tiny.save(folder, dtype=stored, tie_word_embeddings=tied)
                tokens = tiny.prompt(23, model.config.vocab_size)
                expected = reference(model, tokens)
                for offload, attention in (("cpu", "eager"), ("nvme", "sdpa")):
                    said = check(program, folder, tokens, expected, "--offload", offload,
                                 "--attention", attention)
                    print(f"tied={tied} {stored} {offload} {attention}: {said}")


main()
