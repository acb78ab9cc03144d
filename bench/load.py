#!/usr/bin/env python3
"""Claim: loading a model of any format into host memory takes at most 1.10 times the time to read its bytes.

A llama with random bfloat16 weights as safetensors, as pytorch_model.bin in both formats, and as GGUF,
there also with matrices in Q8_0. The script first finds, for each file, the fastest of several sizes and
depths of O_DIRECT reads. Then it reads the file in this form and loads it with `--offload cpu`, in
alternating order. It prints both medians, their ratio, and the bootstrap interval of the ratio (95 of
100 draws of as many rounds with replacement), because shared disks vary. An interval below 0.98 voids
the run, because then the disk was not measured.
A virtual machine's host may take back unused memory and give it out again page by page, slower than a
disk reads. Before each measurement the script therefore touches and frees as much memory as a load
takes.

usage: ./dev bench load [--layers N] [--rounds N] [--folder DIR] [--strata PROGRAM] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
import transformers

from limits import disk

HIDDEN, WIDE, HEADS, VOCABULARY = 2048, 5632, 16, 32000
NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm", "model.embed_tokens": "token_embd",
         "model.norm": "output_norm", "lm_head": "output"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="build/bin/strata")
    parser.add_argument("--layers", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", default=".", help="on the disk to measure")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def gguf_name(name):
    name = name.removesuffix(".weight")
    for theirs, ours in NAMES.items():
        if name.endswith(theirs):
            return (f"blk.{name.split('.')[2]}." if ".layers." in name else "") + ours + ".weight"
    raise KeyError(name)


def write_gguf(file, model, packed):
    out = gguf.GGUFWriter(file, "llama")
    config = model.config
    for add, value in (("context_length", 2048), ("block_count", config.num_hidden_layers),
                       ("embedding_length", HIDDEN), ("feed_forward_length", WIDE),
                       ("head_count", HEADS), ("head_count_kv", HEADS),
                       ("rope_dimension_count", HIDDEN // HEADS), ("layer_norm_rms_eps", 1e-5),
                       ("vocab_size", VOCABULARY), ("tokenizer_model", "gpt2"),
                       ("tokenizer_pre", "smollm"), ("token_types", [1] * VOCABULARY),
                       ("token_list", [f"t{i}" for i in range(VOCABULARY)]),
                       ("token_merges", ["t 0"])):
        getattr(out, f"add_{add}")(value)
    for name, weight in model.state_dict().items():
        if packed and weight.dim() == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            data = gguf.quants.quantize(weight.float().numpy(), kind)
        else:
            kind = gguf.GGMLQuantizationType.BF16
            data = weight.contiguous().view(torch.uint8).numpy()
        out.add_tensor(gguf_name(name), data, raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def write_models(folder, layers):
    """Writes the models; returns the path of each and its file."""
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=WIDE, num_hidden_layers=layers,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, tie_word_embeddings=False)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    model = transformers.LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    whole = folder / "safetensors"
    model.save_pretrained(whole, max_shard_size="1TB")
    out = {"safetensors": (whole, whole / "model.safetensors")}
    for name, zipped in ((".bin", True), (".bin, legacy", False)):
        other = folder / name.strip(".").replace(", ", "-")
        other.mkdir()
        shutil.copy(whole / "config.json", other)
        torch.save(model.state_dict(), other / "pytorch_model.bin",
                   _use_new_zipfile_serialization=zipped)
        out[name] = (other, other / "pytorch_model.bin")
    for name, packed in (("GGUF, BF16", False), ("GGUF, Q8_0", True)):
        file = folder / f"{name.split()[1]}.gguf"
        write_gguf(file, model, packed)
        out[name] = (file, file)
    for _, file in out.values():
        forget(file)
    return out


def forget(file):
    """Drops the file from the page cache."""
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def fastest(file):
    """The fastest form of reads: bytes of one read, and the number of reads in flight."""
    rates = {form: statistics.median(disk.read(file, *form) for _ in range(3)) for form in disk.READS}
    return max(rates, key=rates.get)


def load(strata, path):
    command = [strata, "generate", "--model", path, "--input-ids", "1", "--max-new-tokens", "1",
               "--device", "cpu", "--offload", "cpu", "--dtype", "bfloat16", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["report"]["load_s"]


def interval(read_s, load_s):
    """The interval that holds the ratio of the medians in 95 of 100 draws."""
    rounds = np.random.default_rng(1).integers(len(read_s), size=(10000, len(read_s)))
    read, loaded = (np.median(np.array(seconds)[rounds], axis=1) for seconds in (read_s, load_s))
    return [float(q) for q in np.quantile(loaded / read, (0.025, 0.975))]


def main():
    options = arguments()
    rows, void = {}, False
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="load-") as name:
        models = write_models(pathlib.Path(name), options.layers)
        held = max(os.path.getsize(file) for _, file in models.values())
        for title, (path, file) in models.items():
            form = fastest(file)
            rows[title] = {"bytes": os.path.getsize(file), "form": form, "read_s": [], "load_s": []}
        for turn in range(options.rounds):
            for title, (path, file) in models.items():
                row = rows[title]
                steps = [("read_s", lambda: row["bytes"] / disk.read(file, *row["form"])),
                         ("load_s", lambda: load(options.strata, path))]
                for seconds, step in steps[::-1] if turn % 2 else steps:
                    disk.touched_memory(held + (2 << 30))
                    row[seconds].append(step())
    for title, row in rows.items():
        reads = row["read_s"]
        read_s, load_s = statistics.median(reads), statistics.median(row["load_s"])
        row["ratio"], row["interval"] = load_s / read_s, interval(reads, row["load_s"])
        void = void or row["interval"][1] < 0.98
        print(f"{title:14} {row['bytes'] / 1e9:5.2f} GB  read in {read_s:6.2f} s "
              f"({row['bytes'] / 1e9 / read_s:5.2f} GB/s, {min(reads):.2f} to {max(reads):.2f} s)  "
              f"loaded in {load_s:6.2f} s  ratio {row['ratio']:.3f} "
              f"({row['interval'][0]:.3f} to {row['interval'][1]:.3f})")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1))
    if void:
        sys.exit("void: a ratio is surely below 0.98")


if __name__ == "__main__":
    main()
