"""Tiny models that stand in for a reader's own."""

import json

import safetensors.torch
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}\n{% endfor %}"
TINY = {"vocab_size": 256, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": None,
        "pad_token_id": None, "max_position_embeddings": 2048}


def saved(folder, model_type, **more):
    torch.manual_seed(5)
    config = transformers.AutoConfig.for_model(model_type, **TINY, **more)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    vocabulary = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def small_model(folder):
    return saved(folder, "llama")


def small_adapter(folder):
    """An adapter of small_model."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["down_proj"]}))
    name = "base_model.model.model.layers.1.mlp.down_proj."
    safetensors.torch.save_file({name + "lora_A.weight": torch.ones(2, 64),
                                 name + "lora_B.weight": torch.ones(32, 2)},
                                folder / "adapter_model.safetensors")
    return folder


def described_model(folder):
    """A model of the family that docs/describe-a-model.md describes, without the parts that its first
    try lacks."""
    return saved(folder, "hyperclovax")
