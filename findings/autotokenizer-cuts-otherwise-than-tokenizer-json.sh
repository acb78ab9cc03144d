#!/usr/bin/env bash
# transformers 5.24.0 with tokenizers 0.23.3: AutoTokenizer does not tokenize as tokenizer.json says if
# tokenizer_class names a class that builds its own steps. It then takes only the vocabulary, the merges and
# the post-processor from the file, and drops the normalizer and the pre-tokenizer without a warning.
#
# Expected: "12" in a folder whose pre-tokenizer splits digits is two tokens, as in the package tokenizers and
# in the model's training (SmolLM2's published folder is of this kind: GPT2Tokenizer, digits alone). Seen: one
# token, the merged "12". With tokenizer_class PreTrainedTokenizerFast it is two again.
#
# Ends with 0 while this is so, and prints:
#   tokenizers: ['1', '2']
#   AutoTokenizer as GPT2Tokenizer: ['12']
#   AutoTokenizer as PreTrainedTokenizerFast: ['1', '2']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
mkdir "$folder/model"
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W ignore - "$folder/model" 2> /dev/null <<'EOF'
import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

folder = pathlib.Path(sys.argv[1])
made = Tokenizer(models.BPE({"1": 0, "2": 1, "12": 2}, [("1", "2")]))
made.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
made.decoder = decoders.ByteLevel()
made.save(str(folder / "tokenizer.json"))
(folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
seen = [made.encode("12").tokens]
print("tokenizers:", seen[0])
for name in ("GPT2Tokenizer", "PreTrainedTokenizerFast"):
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name}))
    seen.append(AutoTokenizer.from_pretrained(folder).tokenize("12"))
    print(f"AutoTokenizer as {name}:", seen[-1])
sys.exit(seen != [["1", "2"], ["12"], ["1", "2"]])
EOF
