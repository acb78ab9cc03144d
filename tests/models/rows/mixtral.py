"""mixtral: counts of experts and of those chosen, windows, spellings, how experts are stored."""

import pathlib
import shutil
import tempfile

import gguf
import torch

import gguf_file
from row import Row
from rows.llama import spell_older
from stored import store

LAYER = "model.layers."
EXPERT = ".block_sparse_moe.experts."


def row(name, flipped, experts, chosen, counts=(), **more):
    """`more` are keys of the configuration, or of Row."""
    of_row = {key: more.pop(key) for key in list(more) if key in Row.__dataclass_fields__}
    config = {"model_type": "mixtral", "vocab_size": 256, "hidden_size": 48,
              "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 6,
              "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
              "num_local_experts": experts, "num_experts_per_tok": chosen,
              "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}, **more}
    return Row(name, config, flipped, dict(counts), **of_row)


def stacked(tensors):
    """Each of w1, w2 and w3 of all experts of a layer as one tensor, its name without a number."""
    out, stacks = {}, {}
    for name, tensor in tensors.items():
        before, expert, after = name.partition(EXPERT)
        if expert:
            number, kind = after.split(".", 1)
            stacks.setdefault(before + EXPERT + kind, {})[int(number)] = tensor
        else:
            out[name] = tensor
    return out | {name: torch.stack([one[e] for e in range(len(one))])
                  for name, one in stacks.items()}


def by_modules(tensors):
    """gate and up of all experts in one tensor, under the names of transformers' modules."""
    out = {}
    for name, tensor in (whole := stacked(tensors)).items():
        if name.endswith("w1.weight"):
            both = torch.cat([tensor, whole[name.replace("w1.", "w3.")]], dim=1)
            out[name.replace("w1.weight", "gate_up_proj")] = both
        elif not name.endswith("w3.weight"):
            out[name.replace("w2.weight", "down_proj")] = tensor
    return {name.replace("block_sparse_moe", "mlp"): tensor for name, tensor in out.items()}


def turned(tensors):
    """The same, with each expert's matrices transposed."""
    return {name: tensor.mT.contiguous() if ".experts." in name else tensor
            for name, tensor in by_modules(tensors).items()}


def as_blocks(tensors):
    """Numbers that Q8_0 holds exactly."""
    blocks = gguf.GGMLQuantizationType.Q8_0
    return {name: tensor if tensor.dim() == 1 else torch.from_numpy(
                gguf.dequantize(gguf.quantize(tensor.float().numpy(), blocks), blocks))
            for name, tensor in tensors.items()}


METADATA = {"context_length": 64, "embedding_length": 64, "block_count": 3,
            "feed_forward_length": 96, "attention.head_count": 4, "attention.head_count_kv": 2,
            "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 500.0,
            "rope.dimension_count": 16, "vocab_size": 256, "expert_count": 4,
            "expert_used_count": 2}


def rotated(name, tensor):
    """Rows of queries and keys as the converter of llamas orders them."""
    for kind, heads in (("q_proj", 4), ("k_proj", 2)):
        if kind in name:
            return tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)
    return tensor


def write_gguf(folder):
    with tempfile.TemporaryDirectory(dir=folder.parent) as copy:
        copy = pathlib.Path(copy)
        shutil.copy(folder / "model.safetensors", copy)
        store(copy, stacked)
        gguf_file.write(copy, "llama", METADATA, reorder=rotated)
        shutil.move(copy / "model.gguf", folder)


ROWS = [
    row("8 experts, 2 of a token", LAYER + "0" + EXPERT + "3.w1.weight", 8, 2,
        {"num_experts_per_tok": 1}, every_tier=True),
    row("16 experts, 4 of a token, a window of 7", LAYER + "2.block_sparse_moe.gate.weight", 16, 4,
        {"sliding_window": None}, sliding_window=7, dtype="bfloat16", shards=3, every_tier=True),
    row("1 expert", LAYER + "1" + EXPERT + "0.w2.weight", 1, 1, {"hidden_act": "gelu"},
        num_key_value_heads=6),
    row("5 experts, 3 of a token, a window of 20, tied, older spelling",
        LAYER + "1.post_attention_layernorm.weight", 5, 3, {"sliding_window": 10},
        sliding_window=20, tie_word_embeddings=True, head_dim=16, edit=spell_older),
    row("3 experts, all of a token, 1 kv head", LAYER + "0" + EXPERT + "1.w3.weight", 3, 3,
        {"num_experts_per_tok": 2}, num_key_value_heads=1, dtype="bfloat16"),
    row("4 experts in one tensor", LAYER + "1.mlp.experts.gate_up_proj", 4, 2,
        {"num_experts_per_tok": 1}, vocab_size=257, edit=lambda folder: store(folder, by_modules)),
    row("4 experts, Q8_0", "blk.1.attn_output.weight", 4, 2, {"num_experts_per_tok": 3},
        hidden_size=64, intermediate_size=96, num_attention_heads=4,
        edit=lambda folder: store(folder, as_blocks), gguf=write_gguf, gguf_is_folder=True),
    row("2 experts, 1 of a token, gelu", LAYER + "2" + EXPERT + "1.w2.weight", 2, 1,
        {"hidden_act": "silu"}, hidden_act="gelu", dtype="float16", shards=3),
    row("13 experts, 2 of a token, yarn", LAYER + "1.self_attn.q_proj.weight", 13, 2,
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}, head_dim=8,
        rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
                         "original_max_position_embeddings": 32}),
]
