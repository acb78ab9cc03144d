"""Writes the tokenizer metadata of a GGUF file as the gguf package reads it."""
import json
import sys

from gguf import GGUFReader

fields = GGUFReader(sys.argv[1]).fields
keys = {"model": "model", "pre": "pre", "tokens": "tokens", "merges": "merges",
        "types": "token_type", "bos": "bos_token_id", "eos": "eos_token_id",
        "unk": "unknown_token_id", "pad": "padding_token_id", "add_bos": "add_bos_token"}
out = {ours: fields[f"tokenizer.ggml.{theirs}"].contents() for ours, theirs in keys.items()}
out["chat_template"] = fields["tokenizer.chat_template"].contents()
with open(sys.argv[2], "w") as file:
    json.dump(out, file)
