#!/usr/bin/env bash
# transformers 5.24.0 with tokenizers 0.23.3: "add_bos_token": true in tokenizer_config.json adds no token if
# the folder has a tokenizer.json without a post-processor of its own. AutoTokenizer removes the key while it
# reads the file; given as an argument of from_pretrained it takes effect.
#
# Expected: a beginning-of-text token in front of the ids, as the key says and as in a folder of vocab.json
# and merges.txt with the same tokenizer_config.json. Seen: none.
#
# Ends with 0 while this is so, and prints:
#   tokenizer.json, key in the file: ['a']
#   tokenizer.json, key as an argument: ['<s>', 'a']
#   vocab.json and merges.txt, key in the file: ['<s>', 'a']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
mkdir "$folder/whole" "$folder/parts"
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W ignore - "$folder/whole" "$folder/parts" 2> /dev/null <<'EOF'
import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

whole, parts = map(pathlib.Path, sys.argv[1:])
vocab = {"a": 0, "b": 1, "ab": 2, "<s>": 3}
made = Tokenizer(models.BPE(vocab, [("a", "b")]))
made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
made.decoder = decoders.ByteLevel()
made.save(str(whole / "tokenizer.json"))
(parts / "vocab.json").write_text(json.dumps(vocab))
(parts / "merges.txt").write_text("#version: 0.2\na b\n")
for folder in (whole, parts):
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<s>", "add_bos_token": True}))
seen = []
for words, folder, more in (("tokenizer.json, key in the file", whole, {}),
                            ("tokenizer.json, key as an argument", whole, {"add_bos_token": True}),
                            ("vocab.json and merges.txt, key in the file", parts, {})):
    tokenizer = AutoTokenizer.from_pretrained(folder, **more)
    seen.append(tokenizer.convert_ids_to_tokens(tokenizer("a").input_ids))
    print(f"{words}:", seen[-1])
sys.exit(seen != [["a"], ["<s>", "a"], ["<s>", "a"]])
EOF
