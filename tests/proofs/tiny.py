"""Tiny models that transformers makes, for the proofs; and how a proof's program is run."""

import json
import subprocess
import sys

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()

DEFAULTS = dict(vocab_size=509, hidden_size=48, intermediate_size=80, num_hidden_layers=3,
                num_attention_heads=4, num_key_value_heads=2, head_dim=12,
                max_position_embeddings=128, attention_bias=True, mlp_bias=True,
                tie_word_embeddings=False, bos_token_id=None, eos_token_id=None)


def llama(**changes):
    return LlamaForCausalLM(LlamaConfig(**{**DEFAULTS, **changes}))


def mixtral(**changes):
    common = {key: value for key, value in {**DEFAULTS, **changes}.items() if not key.endswith("_bias")}
    return MixtralForCausalLM(MixtralConfig(**common, num_local_experts=8, num_experts_per_tok=2))


def save(folder, seed=3, dtype=torch.float32, made=llama, **changes):
    """Writes a checkpoint with every weight random, norms and biases included; returns the model."""
    torch.manual_seed(seed)
    model = made(**changes).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            spread = 0.4 if weight.dim() == 1 else 1.5 / weight.shape[-1] ** 0.5
            weight.copy_(torch.randn_like(weight) * spread + ("norm" in name))
    model.to(dtype).save_pretrained(folder)
    return model


def save_tokenizer(folder):
    """Writes a tokenizer whose words are w0, w1, ..."""
    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i for i in range(509)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def prompt(length, vocabulary, seed=5):
    return torch.randint(vocabulary, (length,),
                         generator=torch.Generator().manual_seed(seed)).tolist()


def ids(tokens):
    return ",".join(map(str, tokens))


def greedy(model, tokens, count):
    """The next `count` tokens; the top two must be far enough apart for another summing order."""
    made = list(tokens)
    for _ in range(count):
        with torch.no_grad():
            top = model(torch.tensor([made])).logits[0, -1].topk(2).values
            made.append(int(model(torch.tensor([made])).logits[0, -1].argmax()))
        expect(top[0] - top[1] > 1e-3, f"the reference is undecided at {len(made)}: {top.tolist()}")
    return made[len(tokens):]


def run(*words, status=0, **how):
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, **how)
    expect(done.returncode == status,
           f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def result(*words, **how):
    return json.loads(run(*words, **how).stdout)


def expect(holds, words):
    if not holds:
        sys.exit(f"error: {words}")
