# Rows of logits with what transformers' processors leave of them: sampler_cases.py OUT.json
import json
import sys

import torch
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

torch.manual_seed(7)
cases = []
for penalty in (1.0, 1.3):
    for temperature in (0.7, 1.0, 1.9):
        for top_k in (0, 1, 5, 40):
            for top_p in (0.2, 0.9, 1.0):
                logits = torch.randn(1, 40) * 3
                if top_k == 5:
                    logits = (logits / 2).round() * 2  # ties, also of the last one kept
                seen = torch.randint(0, 40, (1, 6))
                scores = RepetitionPenaltyLogitsProcessor(penalty)(seen, logits.clone())
                scores = TemperatureLogitsWarper(temperature)(seen, scores)
                if top_k:
                    scores = TopKLogitsWarper(top_k)(seen, scores)
                if top_p < 1 and top_k != 5:  # which of equal ones top-p drops is not defined
                    scores = TopPLogitsWarper(top_p)(seen, scores)
                cases.append({
                    "penalty": penalty, "temperature": temperature, "top_k": top_k,
                    "top_p": 1.0 if top_k == 5 else top_p, "logits": logits[0].tolist(),
                    "seen": seen[0].tolist(),
                    "probabilities": scores.double().softmax(-1)[0].tolist(),
                })
with open(sys.argv[1], "w") as out:
    json.dump(cases, out)
