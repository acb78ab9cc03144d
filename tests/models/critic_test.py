"""`strata finetune --critic` against a plain PyTorch loop of DeepSpeed-Chat's reward model over transformers' model:
losses, accuracies, norms and weights; a padded batch with an attention mask is the reference for what is packed.

Usage: critic_test.py PROGRAM FOLDER
"""

import dataclasses
import json
import pathlib
import random
import shutil
import sys
import tempfile
import unittest

import safetensors.torch
import tokenizers
import torch
import transformers

import finetune_cases as table
import finetune_data as data
import quietly
from finetune_reference import decays
from program import TOLERANCE, Many, Refused
from row import make

PROGRAM, PARENT = Many(sys.argv[1]), sys.argv[2]
STEPS, BATCH, ACCUMULATION, MAX_LENGTH = 10, 2, 2, 24
LR, WARMUP, DECAY = 1e-4, 2, 0.1
# Pairs of equal answers leave gradients that are zero in exact arithmetic. With the usual 1e-8, Adam makes whole steps
# of their rounding, which differs by processor.
EPS = 1e-4
LOSS, NORM, WEIGHT = 5e-6, 1e-4, 1e-5
CLOSE = 1e-5  # rewards that are nearer to each other may be judged either way, as those of equal rows

# By name: the model of finetune_cases, the attention, whether rows begin with the end-of-text token, and the bias
# of the last norm: it adds the same to all rewards, so that its gradient is zero in exact arithmetic.
MODELS = {
    "llama": ("llama", "eager", False, None),
    "llama by fused kernels": ("llama", "sdpa", False, None),
    "opt": ("opt", "sdpa", True, "decoder.final_layer_norm.bias"),
    "opt, norms after": ("opt, norms after", "eager", True, "layers.2.final_layer_norm.bias"),
    "bloom": ("bloom", "eager", False, "ln_f.bias"),
    "windows": ("qwen2, tied", "sdpa", False, None),
    "a mixture": ("olmoe", "eager", False, None),
}


@dataclasses.dataclass(frozen=True)
class Pair:
    """Rows of ids, as they are before they are padded."""
    chosen: list
    rejected: list


def texts_of_pairs(vocabulary):
    """(prompt, chosen, rejected) as ids: of equal and of other lengths, equal answers, an empty one, one that
    begins the other, and one that is too long."""
    draw, ids = random.Random(5), list(data.letters(vocabulary))
    some = lambda count: draw.choices(ids, k=count)  # noqa: E731
    out = []
    for number in range(STEPS * BATCH * ACCUMULATION):
        length = draw.randint(2, 10)
        chosen, rejected = some(length), some(max(1, length + draw.randint(-5, 5)))
        special = number % 10
        if special == 3:
            rejected = chosen
        elif special == 5:
            rejected = chosen + some(4)
        elif special == 6:
            chosen, rejected = [], some(3)
        elif special == 8:
            chosen, rejected = some(MAX_LENGTH), some(MAX_LENGTH - 3)
        out.append((some(draw.randint(2, 6)), chosen, rejected))
    return out


def write_pairs(file, texts, vocabulary, first):
    """Writes the rows; the pairs, whose rows begin with the ids `first`."""
    letter = data.letters(vocabulary)
    text = lambda ids: "".join(map(letter.get, ids))  # noqa: E731
    row = lambda ids: [*first, *ids, data.EOS][:MAX_LENGTH]  # noqa: E731
    file.write_text("".join(json.dumps({"prompt": text(p), "chosen": text(c), "rejected": text(r)}) + "\n"
                            for p, c, r in texts))
    return [Pair(row(p + c), row(p + r)) for p, c, r in texts]


class Critic(torch.nn.Module):
    """A reward for each token, and the loss of pairs: rows are compared from where they differ to where the longer
    one ends, padding included."""

    def __init__(self, folder, attention, at_beginning):
        super().__init__()
        self.base = transformers.AutoModel.from_pretrained(
            folder, dtype=torch.float32, attn_implementation=attention, experts_implementation="eager")
        weight = safetensors.torch.load_file(pathlib.Path(folder, "model.safetensors"))["v_head.weight"]
        self.v_head = torch.nn.Linear(weight.shape[1], 1, bias=False)
        self.v_head.weight.data.copy_(weight)
        self.at_beginning = at_beginning

    def rewards(self, rows):
        ids = torch.tensor([row + [data.EOS] * (MAX_LENGTH - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (MAX_LENGTH - len(row)) for row in rows])
        hidden = self.base(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        return ids, self.v_head(hidden).squeeze(-1)

    def end(self, ids):
        places = (ids == data.EOS).nonzero().flatten().tolist()
        return places[self.at_beginning] if len(places) > self.at_beginning else MAX_LENGTH

    def forward(self, pairs):
        """The sum of the pairs' losses, and how many are judged right: at least, and at most."""
        ids, rewards = self.rewards([pair.chosen for pair in pairs] + [pair.rejected for pair in pairs])
        loss, right = 0, [0, 0]
        for at in range(len(pairs)):
            chosen, rejected = ids[at], ids[len(pairs) + at]
            ours, theirs = rewards[at], rewards[len(pairs) + at]
            ends = self.end(chosen), self.end(rejected)
            apart = (chosen != rejected).nonzero().flatten().tolist()
            begin, end = (apart[0], max(ends)) if apart else (MAX_LENGTH - 1, MAX_LENGTH)
            loss = loss - torch.nn.functional.logsigmoid(ours[begin:end] - theirs[begin:end]).mean()
            better = (ours[ends[0] - 1] - theirs[ends[1] - 1]).item()
            right = [right[0] + (better > CLOSE), right[1] + (better > -CLOSE)]
        return loss, right


def train(critic, pairs):
    """Trains it; what the program says of each step."""
    named = dict(critic.train().named_parameters())
    groups = [{"params": [p for name, p in named.items() if decays(name, p) == wanted], "weight_decay": decay}
              for wanted, decay in ((True, DECAY), (False, 0.0))]
    optimizer = torch.optim.AdamW(groups, lr=LR, eps=EPS)
    schedule = transformers.get_scheduler("linear", optimizer, WARMUP, STEPS)
    steps, each = [], BATCH * ACCUMULATION
    for first in range(0, STEPS * each, each):
        for parameter in named.values():  # experts without a token keep a zero gradient
            parameter.grad = torch.zeros_like(parameter)
        loss, right = 0.0, [0, 0]
        for at in range(first, first + each, BATCH):
            part, more = critic(pairs[at:at + BATCH])
            (part / each).backward()
            loss, right = loss + part.item() / each, [a + b for a, b in zip(right, more, strict=True)]
        norm = float(torch.nn.utils.clip_grad_norm_(named.values(), float("inf")))
        optimizer.step()
        schedule.step()
        steps.append({"loss": loss, "right": right, "grad_norm": norm})
    return steps


class Critics(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=PARENT)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def model(self, name):
        """The row, the folders of the language model and of its critic, the pairs, and those ids that begin rows."""
        row, first = table.row_of(MODELS[name][0], False), [data.EOS] if MODELS[name][2] else []
        folder = self.folder / "".join(filter(str.isalnum, name))
        make(row, folder / "language")
        data.write_tokenizer(folder / "language", row.vocabulary)
        if first:
            file = str(folder / "language" / "tokenizer.json")
            tokenizer = tokenizers.Tokenizer.from_file(file)
            tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
                single="</s> $A", special_tokens=[("</s>", data.EOS)])
            tokenizer.save(file)
        PROGRAM.text("import", folder / "language", "--output", folder / "critic", "--critic")
        pairs = write_pairs(folder / "pairs.jsonl", texts_of_pairs(row.vocabulary), row.vocabulary, first)
        return row, folder, pairs, first

    def run_program(self, name, model, output, *more):
        attention, first = MODELS[name][1:3]
        return json.loads(PROGRAM.text(
            "finetune", "--model", model, "--critic", "--data", model.parent / "pairs.jsonl", "--output", output,
            "--dtype", "float32", "--device", "cpu", "--threads", 1, "--attention", attention, "--seed", 0,
            "--lr", LR, "--warmup", WARMUP, "--weight-decay", DECAY, "--eps", EPS, "--clip", 0, "--batch-size", BATCH,
            "--gradient-accumulation-steps", ACCUMULATION, "--max-steps", STEPS, "--max-length", MAX_LENGTH,
            "--shuffle", "off", "--num-padding-at-beginning", int(first), "--json", *more))

    def near(self, got, want, relative, what):
        self.assertLessEqual(abs(got - want), relative * max(abs(want), 1e-12), f"{what}: {got}, not {want}")

    def judged(self, got, bounds, what):
        self.assertTrue(bounds[0] - 0.01 <= got <= bounds[1] + 0.01, f"{what}: {got} of {bounds}")

    def compare_weights(self, name, row, output, critic):
        trained, info = transformers.AutoModel.from_pretrained(
            output, dtype=torch.float32, experts_implementation="eager", output_loading_info=True)
        self.assertFalse(info["missing_keys"], info)
        got = {f"base.{name}": p.detach() for name, p in trained.named_parameters()}
        got["v_head.weight"] = safetensors.torch.load_file(pathlib.Path(output, "model.safetensors"))["v_head.weight"]
        end, shape, index = table.ZERO.get(row.config["model_type"], (None, None, None))
        want = dict(critic.named_parameters())
        self.assertEqual(set(got), set(want))
        for weight, tensor in got.items():
            off = (tensor - want[weight].detach()).abs()
            if MODELS[name][3] and weight.endswith(MODELS[name][3]):
                continue
            if end and weight.endswith(end):  # elements without a gradient in exact arithmetic
                off.view([row.config.get("n_head") if size == "heads" else size for size in shape])[index] = 0
            self.assertLessEqual(float(off.max()), WEIGHT, weight)

    def test_training_is_that_of_the_reward_model(self):
        for name, (_, _, first, _) in MODELS.items():
            with self.subTest(name):
                row, folder, pairs, _ = self.model(name)
                made = self.run_program(name, folder / "critic", folder / "out", "--validation",
                                        folder / "pairs.jsonl")
                critic = Critic(folder / "critic", "eager", int(first))
                steps = train(critic, pairs)
                self.assertEqual(len(made["steps"]), len(steps))
                for at, (got, want) in enumerate(zip(made["steps"], steps, strict=True)):
                    self.near(got["loss"], want["loss"], LOSS, f"the loss of step {at + 1}")
                    self.near(got["grad_norm"], want["grad_norm"], NORM, f"the norm of step {at + 1}")
                    self.judged(got["accuracy"] * BATCH * ACCUMULATION, want["right"], f"step {at + 1}")
                self.compare_weights(name, row, made["output"], critic)
                critic = Critic(made["output"], "eager", int(first)).eval()
                with torch.no_grad():
                    loss, right = critic(pairs)
                    _, rewards = critic.rewards([pairs[0].chosen])
                last = made["validation"][-1]
                self.near(last["loss"], float(loss) / len(pairs), LOSS, "the last validation's loss")
                self.judged(last["accuracy"] * len(pairs), right, "the validation")
                self.compare_rewards(made["output"], pairs[0].chosen, rewards[0])

    def compare_rewards(self, output, ids, want):
        file = self.folder / "values.safetensors"
        PROGRAM.text("logits", "--model", output, "--critic", "--input-ids", ",".join(map(str, ids)), "--output", file,
                     "--device", "cpu", "--dtype", "float32")
        got = safetensors.torch.load_file(file)["values"]
        self.assertLess(float((got - want[:len(ids)]).abs().max()), TOLERANCE * float(want.abs().max()))

    def test_a_run_in_parts_is_the_whole_run(self):
        _, folder, _, _ = self.model("llama")
        whole = self.run_program("llama", folder / "critic", folder / "out")
        first = self.run_program("llama", folder / "critic", folder / "parts", "--bench-steps", 4,
                                 "--save-checkpoint")
        rest = self.run_program("llama", folder / "critic", folder / "parts", "--resume", "latest")
        self.assertEqual((len(first["steps"]), len(rest["steps"])), (4, STEPS - 4))
        for got, want in zip(first["steps"] + rest["steps"], whole["steps"], strict=True):
            for key in ("loss", "accuracy", "grad_norm"):
                self.assertEqual(got[key], want[key], f"{key} of step {want['step']}")
        files = [pathlib.Path(made["output"], "model.safetensors").read_bytes() for made in (whole, rest)]
        self.assertEqual(*files)

    def test_a_head_that_the_model_lacks_is_drawn(self):
        """With the seed 0 it is the one that `import --critic` adds."""
        _, folder, _, _ = self.model("llama")
        ours, theirs = (self.run_program("llama", folder / kind, folder / f"of {kind}")
                        for kind in ("language", "critic"))
        self.assertEqual([step["loss"] for step in ours["steps"]], [step["loss"] for step in theirs["steps"]])
        weights = [safetensors.torch.load_file(pathlib.Path(made["output"], "model.safetensors"))
                   for made in (ours, theirs)]
        self.assertEqual(set(weights[0]), set(weights[1]))
        for name, tensor in weights[0].items():
            self.assertTrue(torch.equal(tensor, weights[1][name]), name)

    def test_a_head_of_loaded_weights_has_any_spelling(self):
        _, folder, _, _ = self.model("llama")
        shutil.copytree(folder / "critic", folder / "bare", ignore=shutil.ignore_patterns("*.safetensors"))
        state = safetensors.torch.load_file(folder / "critic/model.safetensors")
        state["model.v_head.weight"] = state.pop("v_head.weight")
        torch.save(state, folder / "weights.bin")
        loaded = self.run_program("llama", folder / "bare", folder / "loaded", "--init-seed", 9, "--load-weights",
                                  folder / "weights.bin")
        whole = self.run_program("llama", folder / "critic", folder / "whole")
        self.assertEqual(*([step["loss"] for step in made["steps"]] for made in (loaded, whole)))

    def test_rows_without_pairs_are_refused(self):
        _, folder, _, _ = self.model("llama")
        (folder / "pairs.jsonl").write_text('{"prompt": "ab", "completion": "c"}\n')
        with self.assertRaisesRegex(Refused, r'pairs.jsonl:1: .*"chosen", "rejected"'):
            self.run_program("llama", folder / "critic", folder / "out")


def tearDownModule():
    PROGRAM.close()


if __name__ == "__main__":
    quietly.main()
