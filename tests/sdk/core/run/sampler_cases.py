# Rows of logits with what transformers' processors leave of them: sampler_cases.py OUT.json
import itertools
import json
import sys

import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel
from transformers.generation import LogitsProcessorList

torch.manual_seed(7)
# The model is only asked for the processors that it would use, in its order.
model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_head=1, n_embd=4, vocab_size=40, n_positions=8))
PLAIN = {"min_p": 0.0, "typical_p": 1.0, "ngram": 0, "suppress": [], "suppress_first": [], "prompt": 8}
OTHERS = [
    {"min_p": 0.05}, {"min_p": 0.6}, {"typical_p": 0.3}, {"typical_p": 0.95}, {"ngram": 1}, {"ngram": 2},
    {"ngram": 3}, {"suppress": [3, 17, 39]}, {"suppress_first": [0, 5]}, {"suppress_first": [0, 5], "prompt": 7},
    {"min_p": 0.02, "typical_p": 0.9, "ngram": 2, "suppress": [1], "suppress_first": [2]},
]


def case(penalty, temperature, top_k, top_p, more):
    given = {**PLAIN, **more}
    logits = torch.randn(1, 40) * 3
    if top_k == 5:
        logits, top_p = (logits / 2).round() * 2, 1.0  # ties; which of them top-p drops is not defined
        given["typical_p"] = 1.0
    seen = torch.randint(0, 6, (1, 8))
    config = GenerationConfig(
        do_sample=True, repetition_penalty=penalty, temperature=temperature, top_k=top_k, top_p=top_p,
        min_p=given["min_p"] or None, typical_p=given["typical_p"], no_repeat_ngram_size=given["ngram"],
        suppress_tokens=given["suppress"] or None, begin_suppress_tokens=given["suppress_first"] or None)
    config._eos_token_tensor = None
    processors = model._get_logits_processor(
        config, input_ids_seq_length=given["prompt"], logits_processor=LogitsProcessorList())
    scores = processors(seen, logits.clone())
    return {**given, "penalty": penalty, "temperature": temperature, "top_k": top_k, "top_p": top_p,
            "logits": logits[0].tolist(), "seen": seen[0].tolist(),
            "scores": [None if x == float("-inf") else x for x in scores[0].tolist()],
            "probabilities": scores.double().softmax(-1)[0].tolist()}


cases = [case(*row, {}) for row in itertools.product((1.0, 1.3), (0.7, 1.0, 1.9), (0, 1, 5, 40), (0.2, 0.9, 1.0))]
cases += [case(penalty, temperature, top_k, 0.95, more) for penalty, temperature, top_k, more in
          itertools.product((1.0, 1.3), (0.7, 1.6), (0, 20), OTHERS)]
cases += [case(1.0, 1.0, 5, 1.0, more) for more in [{"ngram": n % 4, "min_p": n / 100} for n in range(32)]]
with open(sys.argv[1], "w") as out:
    json.dump(cases, out)
