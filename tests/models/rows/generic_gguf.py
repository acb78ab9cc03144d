"""generic: files of GGUF of the described model_types, with blocks of Q8_0, as llama.cpp's converter
lays them out."""

import math
import pathlib
import re
import shutil
import tempfile

import torch

import gguf_file
from rows.generic import GROUPED, MPT, OPENAI, row
from rows.generic_latent import spread as choosy
from rows.mixtral import as_blocks
from stored import store

SIZES = GROUPED | {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4,
                   "num_hidden_layers": 3}
LENGTHS = {"block_count": 3, "context_length": 128, "embedding_length": 64,
           "feed_forward_length": 96, "attention.head_count": 4, "vocab_size": 263,
           "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
           "tokenizer.ggml.padding_token_id": 0}
RMS = {"attention.head_count_kv": 2, "attention.layer_norm_rms_epsilon": 1e-6}
LAYER_NORM = {"attention.head_count_kv": 2, "attention.layer_norm_epsilon": 1e-5}
PARTLY = LAYER_NORM | {"rope.dimension_count": 8}
EXPERTS = {"expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": 32}
HEADS = {"attention.key_length": 32, "attention.value_length": 32}
LONG = {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 16,
        "short_factor": [1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0],
        "long_factor": [1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]}
FALCON = {key: SIZES[key] for key in SIZES if key not in (
    "intermediate_size", "num_key_value_heads")} | {"ffn_hidden_size": 96}
ATTENTION = math.sqrt(1 + math.log(128 / 16) / math.log(16))
MOE = SIZES | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}


def as_written(name, tensor):
    """Tensors that the converter leaves as they are; it makes a gate of one row a vector."""
    return tensor.squeeze(0) if name.endswith("shared_expert_gate.weight") else tensor


def with_one(name, tensor):
    """Weights of norms with the 1 that the model adds to them."""
    return tensor + 1 if name.endswith("norm.weight") else tensor


def turned(name, tensor):
    """Rows of queries and keys with a head's pairs side by side."""
    for kind, heads in (("q_proj", 4), ("k_proj", 2)):
        if kind in name:
            return tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)
    return tensor


def other_way(name, tensor):
    """The matrices of Conv1D in the layout of a linear layer."""
    return tensor.t() if ".c_" in name and tensor.dim() == 2 else tensor


def other_way_exact(tensors):
    turn = {name: other_way(name, tensor) for name, tensor in tensors.items()}
    return {name: other_way(name, tensor).contiguous()
            for name, tensor in as_blocks({n: t.contiguous() for n, t in turn.items()}).items()}


def apart(name, tensor):
    """Rows sorted into all of q, all of k, all of v."""
    if "query_key_value" not in name:
        return tensor
    return tensor.unflatten(0, (4, 3, -1)).transpose(0, 1).flatten(0, 2)


def by_groups(name, tensor):
    """Rows sorted into all of q, all of k, all of v, from groups of two queries, their key and their
    value."""
    if "query_key_value" not in name:
        return tensor
    groups = tensor.unflatten(0, (2, 4, -1))
    return torch.cat([groups[:, :2].flatten(0, 2), groups[:, 2].flatten(0, 1),
                      groups[:, 3].flatten(0, 1)])


def stacked(tensors):
    """Each weight of a layer's experts as one tensor."""
    out, stacks = {}, {}
    for name, tensor in tensors.items():
        if found := re.fullmatch(r"(.*\.experts\.)(\d+)\.(.*)", name):
            stacks.setdefault(found[1] + found[3], {})[int(found[2])] = tensor
        else:
            out[name] = tensor
    return out | {name: torch.stack([one[e] for e in range(len(one))])
                  for name, one in stacks.items()}


def keys_and_values(kv):
    """The rows of four heads: 32 rows each for keys, the others for values."""
    return kv.unflatten(0, (4, -1)).split([32, kv.shape[0] // 4 - 32], 1)


def heads_apart(tensors):
    """Matrices of all heads: transposed for keys, and for values."""
    out = {}
    for name, tensor in stacked(tensors).items():
        if "kv_b_proj" in name:
            keys, values = keys_and_values(tensor)
            out |= {name.replace("kv_b", "k_b"): keys.transpose(1, 2).contiguous(),
                    name.replace("kv_b", "v_b"): values.contiguous()}
        else:
            out[name.replace("correction_bias", "correction.bias")] = tensor
    return out


def heads_apart_exact(tensors):
    def joined(kv):
        keys, values = keys_and_values(kv)
        keys = as_blocks({"": keys.transpose(1, 2).contiguous()})[""].transpose(1, 2)
        return torch.cat([keys, values], 1).flatten(0, 1)

    return {name: joined(tensor) if "kv_b_proj" in name else tensor
            for name, tensor in as_blocks(tensors).items()}


def file(architecture, model_type, config, metadata, flipped, reorder=as_written, beside=None,
         exact=as_blocks, variant="", change=stacked, **more):
    """`beside` are tensors of the file alone; `exact` are the numbers that its blocks hold."""
    def write(folder):
        with tempfile.TemporaryDirectory(dir=folder.parent) as copy:
            copy = pathlib.Path(copy)
            shutil.copy(folder / "model.safetensors", copy)
            store(copy, lambda all: change(all) | (beside or {}))
            gguf_file.write(copy, architecture, LENGTHS | metadata, reorder=reorder)
            shutil.move(copy / "model.gguf", folder)

    return row(model_type, f"GGUF of {architecture}{variant}", config, flipped, gguf=write,
               gguf_is_folder=True, edit=lambda folder: store(folder, exact), **more)


LATENT = SIZES | {"kv_lora_rank": 64, "q_lora_rank": 32, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
                  "v_head_dim": 64, "num_key_value_heads": 4, "n_routed_experts": 4,
                  "num_experts_per_tok": 2, "n_shared_experts": 2, "moe_intermediate_size": 32,
                  "first_k_dense_replace": 1, "routed_scaling_factor": 1.5}
LATENT_FILE = EXPERTS | {
    "attention.head_count_kv": 1, "attention.layer_norm_rms_epsilon": 1e-6,
    "attention.kv_lora_rank": 64, "attention.q_lora_rank": 32, "attention.key_length": 80,
    "attention.value_length": 64, "attention.key_length_mla": 48, "attention.value_length_mla": 64,
    "rope.dimension_count": 16, "expert_shared_count": 2, "leading_dense_block_count": 1,
    "expert_weights_scale": 1.5, "expert_gating_func": 1}
OLDER_FILE = {key: value for key, value in LATENT_FILE.items()
              if "mla" not in key and "q_lora" not in key} | {
                  "attention.head_count_kv": 4, "attention.key_length": 48}
YARN = {"rope_type": "yarn", "rope_theta": 150.0, "factor": 8.0, "beta_fast": 4.0, "beta_slow": 0.5,
        "original_max_position_embeddings": 16, "mscale": 0.7, "mscale_all_dim": 0.7}
SCALING = {"rope.freq_base": 150.0, "rope.scaling.type": "yarn", "rope.scaling.factor": 8.0,
           "rope.scaling.original_context_length": 16, "rope.scaling.yarn_log_multiplier": 0.07,
           "rope.scaling.yarn_beta_fast": 4.0, "rope.scaling.yarn_beta_slow": 0.5}
GROUPS = {"expert_count": 8, "expert_used_count": 3, "expert_group_count": 4,
          "expert_group_used_count": 2}
GROUPED_EXPERTS = {"n_routed_experts": 8, "num_experts_per_tok": 3, "n_group": 4, "topk_group": 2}


ROWS = [
    file("qwen2moe", "qwen2_moe", MOE | {"shared_expert_intermediate_size": 64},
         RMS | EXPERTS | {"expert_shared_feed_forward_length": 64}, "blk.1.ffn_up_shexp.weight"),
    file("qwen3moe", "qwen3_moe", MOE | {"norm_topk_prob": True, "head_dim": 32},
         RMS | EXPERTS | HEADS, "blk.1.attn_k.weight"),
    file("olmoe", "olmoe", MOE | {"intermediate_size": 32}, RMS | EXPERTS | {"attention.layer_norm_rms_epsilon": 1e-5}, "blk.1.attn_output.weight",
         seed=1),
    file("gemma", "gemma", SIZES | {"head_dim": 32}, RMS | HEADS, "blk.1.ffn_gate.weight",
         with_one),
    file("gemma2", "gemma2", SIZES | {"head_dim": 32, "sliding_window": 9,
                                      "query_pre_attn_scalar": 32, "attn_logit_softcapping": 3.0,
                                      "final_logit_softcapping": 5.0},
         RMS | HEADS | {"attention.sliding_window": 9, "attn_logit_softcapping": 3.0,
                        "final_logit_softcapping": 5.0},
         "blk.1.ffn_down.weight", with_one, attention=("eager",)),
    file("gemma3", "gemma3_text",
         SIZES | {"head_dim": 32, "sliding_window": 9, "query_pre_attn_scalar": 32,
                  "num_hidden_layers": 6},
         RMS | HEADS | {"attention.sliding_window": 9, "rope.freq_base": 1e6, "block_count": 6},
         "blk.5.attn_q.weight", with_one),
    file("phi2", "phi", SIZES, PARTLY, "blk.1.ffn_up.weight", seed=1),
    file("phi3", "phi3", SIZES | {"sliding_window": 13},
         RMS | {"attention.layer_norm_rms_epsilon": 1e-5, "attention.sliding_window": 13},
         "blk.1.attn_qkv.weight"),
    file("phi3", "phi3", SIZES | {"rope_parameters": LONG, "original_max_position_embeddings": 16},
         RMS | {"attention.layer_norm_rms_epsilon": 1e-5, "rope.scaling.attn_factor": ATTENTION,
                "rope.scaling.original_context_length": 16}, "blk.1.ffn_up.weight",
         variant=", longrope", beside={
             f"rope_factors_{length}.weight": torch.tensor(LONG[f"{length}_factor"])
             for length in ("short", "long")}),
    file("stablelm", "stablelm", SIZES | {"use_qkv_bias": True, "partial_rotary_factor": 0.5},
         PARTLY | {"use_parallel_residual": False}, "blk.1.attn_v.weight"),
    file("olmo", "olmo", SIZES | {"clip_qkv": 0.6}, RMS | {"attention.clamp_kqv": 0.6},
         "blk.1.attn_q.weight", turned),
    file("olmo2", "olmo2", SIZES, RMS | {"attention.layer_norm_rms_epsilon": 1e-5},
         "blk.1.attn_k.weight"),
    file("granite", "granite",
         SIZES | {"attention_multiplier": 0.3, "embedding_multiplier": 2.0,
                  "residual_multiplier": 0.5, "logits_scaling": 0.5},
         RMS | {"attention.scale": 0.3, "embedding_scale": 2.0, "residual_scale": 0.5,
                "logit_scale": 0.5}, "blk.1.attn_k.weight", turned),
    file("command-r", "cohere", SIZES | {"use_qk_norm": False, "logit_scale": 0.25},
         LAYER_NORM | {"logit_scale": 0.25, "rope.freq_base": 500000.0}, "blk.1.ffn_up.weight"),
    file("smollm3", "smollm3", SIZES | {"num_hidden_layers": 5, "rope_theta": 10000.0},
         RMS | {"block_count": 5}, "blk.3.attn_q.weight", turned),
    file("arcee", "arcee", SIZES, RMS | {"attention.layer_norm_rms_epsilon": 1e-5},
         "blk.1.ffn_up.weight", turned),
    file("nemotron", "nemotron", SIZES, PARTLY, "blk.1.ffn_down.weight", with_one, near_one=True),
    file("gptneox", "gpt_neox", SIZES | {"rotary_pct": 0.5},
         {"attention.layer_norm_epsilon": 1e-5, "rope.dimension_count": 8,
          "use_parallel_residual": True}, "blk.1.attn_qkv.weight", apart),
    file("gpt2", "gpt2", OPENAI | {"n_embd": 64, "n_head": 4, "n_inner": 96},
         {"attention.layer_norm_epsilon": 1e-5}, "blk.1.ffn_down.weight", other_way,
         exact=other_way_exact),
    file("falcon", "falcon", FALCON, {"attention.layer_norm_epsilon": 1e-5},
         "blk.1.attn_qkv.weight"),
    *(file("falcon", "falcon",
           FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2, **norms}, LAYER_NORM,
           "blk.1.attn_qkv.weight", by_groups, variant=f", keys of groups{also}")
      for also, norms in (("", {}), (", one norm", {"num_ln_in_parallel_attn": 1}))),
    file("mpt", "mpt", MPT | {"d_model": 64, "attn_config": {"clip_qkv": 0.5}},
         {"attention.layer_norm_epsilon": 1e-5, "feed_forward_length": 256,
          "attention.clamp_kqv": 0.5, "attention.max_alibi_bias": 8.0}, "blk.1.attn_qkv.weight"),
    file("deepseek2", "deepseek_v2", LATENT | {"q_lora_rank": None, "topk_method": "greedy"},
         OLDER_FILE, "blk.1.attn_kv_b.weight", spread=choosy,
         variant=", keys and values one matrix"),
    file("deepseek2", "deepseek_v2",
         LATENT | GROUPED_EXPERTS | {"topk_method": "group_limited_greedy"}, LATENT_FILE | GROUPS,
         "blk.1.attn_k_b.weight", spread=choosy, change=heads_apart, exact=heads_apart_exact),
    file("deepseek2", "deepseek_v3",
         LATENT | GROUPED_EXPERTS | {"norm_topk_prob": True, "rope_parameters": YARN},
         LATENT_FILE | GROUPS | SCALING | {"expert_gating_func": 2, "expert_weights_norm": True},
         "blk.1.attn_v_b.weight", spread=choosy, change=heads_apart, exact=heads_apart_exact,
         variant=", yarn"),
]
