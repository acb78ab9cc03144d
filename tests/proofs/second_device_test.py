"""Units that run on a second device between the others, with their keys and values: the tokens stay,
and what is moved is less by exactly those units' bytes.

usage: second_device_test.py PROGRAM
"""

import pathlib
import sys
import tempfile

import tiny

STEPS = 16


def up(size, align):
    return (size + align - 1) // align * align


def unit_bytes(weights, names):
    """The bytes of a unit's run form in float32; groups and single weights begin at multiples of 256
    bytes."""
    end = 0
    for group in names:
        end = up(end, 256) + sum(weights[name].numel() * 4 for name in group)
    return up(end, 256)


def bytes_of(model, unit):
    """Units: 0 is the embedding, then an attention and an mlp unit a layer."""
    layer, attention = (unit - 1) // 2, unit % 2 == 1
    weights = dict(model.named_parameters())
    at = f"model.layers.{layer}."
    if attention:
        groups = [["input_layernorm.weight"],
                  [f"self_attn.{x}_proj.weight" for x in "qkv"],
                  [f"self_attn.{x}_proj.bias" for x in "qkv"],
                  ["self_attn.o_proj.weight"], ["self_attn.o_proj.bias"]]
    else:
        groups = [["post_attention_layernorm.weight"],
                  ["mlp.gate_proj.weight", "mlp.up_proj.weight"],
                  ["mlp.gate_proj.bias", "mlp.up_proj.bias"],
                  ["mlp.down_proj.weight"], ["mlp.down_proj.bias"]]
    return unit_bytes(weights, [[at + name for name in group] for group in groups])


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        model = tiny.save(folder)
        layers = model.config.num_hidden_layers
        prompts = [tiny.prompt(length, model.config.vocab_size, seed=length) for length in (11, 4)]
        options = ["--", "--model", folder, "--device", "cpu", "--offload", "cpu", "--set",
                   "run.in_place=off", "--max-new-tokens", STEPS + 1]
        for prompt in prompts:
            options += ["--input-ids", tiny.ids(prompt)]
        plain = tiny.result(program, "", *options)
        expected = [tiny.greedy(model, prompt, STEPS + 1) for prompt in prompts]
        tiny.expect(plain["tokens"] == expected, f"{plain['tokens']}, not {expected}")
        everything = sum(bytes_of(model, unit) for unit in range(1, 2 * layers + 1))
        for units in ([3], [1, 4], list(range(1, 2 * layers + 1))):
            said = tiny.result(program, tiny.ids(units), *options)
            less = sum(bytes_of(model, unit) for unit in units)
            tiny.expect(said["tokens"] == plain["tokens"], f"{units}: {said['tokens']}")
            tiny.expect(plain["step"] - said["step"] == less,
                        f"{units}: {plain['step']} and {said['step']} bytes, not {less} less")
            tiny.expect(said["step"] == said["planned_step"], f"{units}: {said}")
            print(f"units {units} in place: {less} of {everything} bytes a step less")
        refused = tiny.run(program, "3", *["nvme" if word == "cpu" and options[at - 1] == "--offload"
                                           else word for at, word in enumerate(options)], status=1)
        tiny.expect("maps no memory to run it from" in refused.stderr, refused.stderr)


main()
