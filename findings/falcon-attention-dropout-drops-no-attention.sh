#!/usr/bin/env bash
# transformers 5.24.0, Falcon in training: the rate `attention_dropout` of a model with rotary embeddings drops no
# attention. With a parallel layer, as in Falcon-7B, it changes nothing at all; with a sequential one it drops what the
# attention adds to the hidden states, which other models call a residual dropout. The model's attention drops
# probabilities only where the configuration has `alibi`.
#
# Expected: the rate drops the probabilities of the attention, as its description says and as it does in other models.
# Seen: a fine-tuning of Falcon-7B with `attention_dropout` is the one without, and nothing says so.
#
# Ends with 0 while this is so, and prints whether two seeds give other logits:
#   rotary, parallel: no; rotary, sequential: yes; alibi, parallel: yes
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.11.0 transformers==5.24.0
"$folder/venv/bin/python" -W ignore - <<'EOF2'
import sys

import torch
import transformers

transformers.logging.set_verbosity_error()


def drops(alibi, parallel):
    torch.manual_seed(0)
    model = transformers.FalconForCausalLM(transformers.FalconConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, alibi=alibi, parallel_attn=parallel,
        attention_dropout=0.5, hidden_dropout=0.0)).train()
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        with torch.no_grad():
            made.append(model(torch.arange(1, 33)[None]).logits)
    return not torch.equal(*made)


seen = drops(False, True), drops(False, False), drops(True, True)
print("rotary, parallel: {}; rotary, sequential: {}; alibi, parallel: {}".format(
    *("yes" if one else "no" for one in seen)))
sys.exit(seen != (False, True, True))
EOF2
