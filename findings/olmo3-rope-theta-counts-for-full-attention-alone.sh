#!/usr/bin/env bash
# transformers 5.24.0: "rope_theta" beside the other keys of an OLMo 3 config.json is the rope base of only
# the layers with full attention. Layers with a window keep the class's own base, 500000, without a warning;
# only their own object in "rope_parameters" changes it. Gemma 3 has a separate key for them.
#
# Expected: one rope_theta for all layers, as in a config.json of OLMo 2, which OLMo 3 derives from. Seen:
# two.
#
# Ends with 0 while this is so, and prints:
#   olmo2: 12345.0
#   olmo3: full_attention 12345.0, sliding_attention 500000.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check transformers==5.24.0
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W ignore - "$folder" 2> /dev/null <<'EOF'
import json
import pathlib
import sys

from transformers import AutoConfig

folder = pathlib.Path(sys.argv[1])


def rope(model_type):
    (folder / "config.json").write_text(json.dumps(
        {"model_type": model_type, "num_hidden_layers": 4, "rope_theta": 12345.0}))
    return AutoConfig.from_pretrained(folder).rope_parameters


older, newer = rope("olmo2"), rope("olmo3")
thetas = {kind: newer[kind]["rope_theta"] for kind in ("full_attention", "sliding_attention")}
print(f"olmo2: {older['rope_theta']}")
print("olmo3: " + ", ".join(f"{kind} {theta}" for kind, theta in thetas.items()))
sys.exit(older["rope_theta"] != 12345.0
         or thetas != {"full_attention": 12345.0, "sliding_attention": 500000.0})
EOF
