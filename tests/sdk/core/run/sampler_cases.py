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


# Other settings of a generation_config.json. The text so far has 8 tokens, of which some are the prompt's.
CONFIGS = [
    {"bad_words_ids": [[7], [1, 2], [0, 3, 4], [9]]}, {"bad_words_ids": [[n, 11] for n in range(6)]},
    {"sequence_bias": [[[5], -2.5], [[3, 4], 1.5], [[12], 0.25]] + [[[n, 12], 3.75] for n in range(1, 6)]},
    {"min_length": 9}, {"min_length": 8}, {"min_new_tokens": 3}, {"min_new_tokens": 2},
    {"forced_bos_token_id": 4}, {"forced_bos_token_id": 4, "begin_suppress_tokens": [1, 39]},
    {"forced_eos_token_id": 9}, {"forced_eos_token_id": [9, 30]}, {"remove_invalid_values": True},
    {"exponential_decay_length_penalty": [1, 1.4]}, {"exponential_decay_length_penalty": [0, 0.7]},
    {"epsilon_cutoff": 0.02}, {"epsilon_cutoff": 0.6}, {"eta_cutoff": 0.01}, {"eta_cutoff": 0.3},
    {"top_h": 0.4}, {"top_h": 0.9, "top_k": 7},
    {"bad_words_ids": [[2]], "min_new_tokens": 2, "exponential_decay_length_penalty": [2, 1.1],
     "repetition_penalty": 1.2, "suppress_tokens": [8], "sequence_bias": [[[20], 4.0]], "eta_cutoff": 0.05},
]
ENDS, LENGTH = [7, 39], 9


def configured(settings, prompt, temperature, seen):
    logits = torch.randn(1, 40) * 3
    if "remove_invalid_values" in settings:
        logits[0, 3:6] = torch.tensor([float("nan"), float("inf"), float("-inf")])
    config = GenerationConfig(do_sample=True, temperature=temperature, max_length=LENGTH,
                              **{"top_k": 0, **settings})
    config._eos_token_tensor = torch.tensor(ENDS)
    processors = model._get_logits_processor(
        config, input_ids_seq_length=prompt, logits_processor=LogitsProcessorList())
    scores = processors(seen, logits.clone())
    listed = [None if x != x else str(x) if x in (float("inf"), float("-inf")) else x for x in logits[0].tolist()]
    return {"config": settings, "temperature": temperature, "ends": ENDS, "prompt": prompt,
            "new_tokens": LENGTH - prompt, "seen": seen[0].tolist(), "logits": listed,
            "scores": [None if x == float("-inf") else "inf" if x == float("inf") else x for x in scores[0].tolist()]}


def configured_cases():
    out = []
    for settings, prompt in itertools.product(CONFIGS, (8, 6, 3)):
        for temperature in (1.0, 0.6):
            out.append(configured(settings, prompt, temperature, torch.randint(0, 6, (1, 8))))
    short = [torch.tensor([[3]]), torch.tensor([[3, 4]])]
    return out + [configured(settings, 1, 1.0, seen) for settings, seen in itertools.product(CONFIGS, short)]


cases = [case(*row, {}) for row in itertools.product((1.0, 1.3), (0.7, 1.0, 1.9), (0, 1, 5, 40), (0.2, 0.9, 1.0))]
cases += [case(penalty, temperature, top_k, 0.95, more) for penalty, temperature, top_k, more in
          itertools.product((1.0, 1.3), (0.7, 1.6), (0, 20), OTHERS)]
cases += [case(1.0, 1.0, 5, 1.0, more) for more in [{"ngram": n % 4, "min_p": n / 100} for n in range(32)]]
with open(sys.argv[1], "w") as out:
    json.dump({"cases": cases, "configured": configured_cases()}, out)
