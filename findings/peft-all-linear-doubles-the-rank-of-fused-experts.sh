#!/usr/bin/env bash
# peft 0.21.2 with transformers 5.24.0: on a mixture model whose experts are stacked parameters (OLMoE here),
# LoraConfig(r=4, target_modules="all-linear") also trains the router and the experts, as target_parameters, and
# gives gate_up_proj of each expert rank 8. No line says so; the saved configuration has it as a rank_pattern
# that the user did not write.
#
# Expected: rank 4 everywhere, as the configuration says, and linear layers alone. Seen: twice the rank where
# gate and up are one parameter, so that an adapter trained elsewhere "with the same r" has other shapes.
#
# Ends with 0 while this is so, and prints:
#   target_parameters: down_proj, gate.weight, gate_up_proj
#   rank_pattern: {'.*\\.gate_up_proj': 8}
#   rows of A: q_proj 4, gate 4, gate_up_proj of 2 experts 16, down_proj of 2 experts 8
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  peft==0.21.2 transformers==5.24.0 torch==2.11.0
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W ignore - "$folder" 2> /dev/null <<'EOF'
import json
import pathlib
import sys

import peft
import safetensors.torch
import transformers

folder = pathlib.Path(sys.argv[1], "adapter")
model = transformers.OlmoeForCausalLM(transformers.OlmoeConfig(
    hidden_size=16, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
    vocab_size=32, eos_token_id=1, num_experts=2, num_experts_per_tok=1))
peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=8, target_modules="all-linear")).save_pretrained(folder)
config = json.loads((folder / "adapter_config.json").read_text())
shapes = {name: list(tensor.shape) for name, tensor
          in safetensors.torch.load_file(folder / "adapter_model.safetensors").items()}
layer = "base_model.model.model.layers.0."
rows = [shapes[f"{layer}{module}.lora_A.weight"][0]
        for module in ("self_attn.q_proj", "mlp.gate", "mlp.experts.base_layer", "mlp.experts")]
parameters = sorted(config["target_parameters"])
print("target_parameters: " + ", ".join(parameters))
print(f"rank_pattern: {config['rank_pattern']}")
print("rows of A: q_proj {}, gate {}, gate_up_proj of 2 experts {}, down_proj of 2 experts {}".format(*rows))
sys.exit(parameters != ["down_proj", "gate.weight", "gate_up_proj"] or rows != [4, 4, 16, 8]
         or list(config["rank_pattern"].values()) != [8])
EOF
