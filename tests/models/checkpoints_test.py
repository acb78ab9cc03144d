"""Tiny models in every format of checkpoint through the program, against transformers.

Usage: checkpoints_test.py PROGRAM FOLDER [--device cuda]
On a GPU it runs the quantized formats of GGUF alone.
"""

import json
import pathlib
import shutil
import sys
import tempfile

import gguf
import numpy as np
import safetensors.torch
import tokenizers
import torch
import transformers
from gguf import GGMLQuantizationType as Type

import quietly
from program import TOLERANCE, Many
from reference import Reference
from row import Row, make
from stored import store

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "plugins/quant"))
from gguf_blocks import SCALES  # noqa: E402

IDS = [5, 17, 3, 99, 42, 7, 63, 1]
TIERS = (["--offload", "device"], ["--offload", "cpu"], ["--offload", "nvme"])
V, D, F, L, H, K, E = 320, 256, 512, 4, 4, 2, 64


def need(condition, words):
    print("yes:" if condition else "NO:", words, flush=True)
    if not condition:
        sys.exit(1)


def same_logits(program, model, want, words):
    for tier in TIERS:
        got = program.logits(model, IDS, *tier)
        far = float(np.abs(got - want).max() / np.abs(want).max())
        need(far <= TOLERANCE, f"{words}, {tier[1]}: the logits are {far:.1e} of the largest off")


def imported(program, model, want, words):
    """Checks that the folder that `import` makes holds these tensors, by safetensors' own reader."""
    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent, "imported")
        program.text("import", model, "--output", folder)
        got = safetensors.torch.load_file(folder / "model.safetensors")
        need(got.keys() == want.keys() and all(
            got[name].dtype == want[name].dtype and torch.equal(got[name], want[name])
            for name in want), f"{words}: imported tensor for tensor")
        if pathlib.Path(model).is_dir():
            need((folder / "tokenizer.json").read_bytes() ==
                 pathlib.Path(model, "tokenizer.json").read_bytes(), "with its tokenizer")


def imported_as(program, model, want, dtype):
    """The folder that `import --dtype` makes holds these tensors rounded to it, and says so."""
    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent, "imported")
        program.text("import", model, "--output", folder, "--dtype", str(dtype).removeprefix("torch."))
        got = safetensors.torch.load_file(folder / "model.safetensors")
        need(all(torch.equal(got[name], value.to(dtype)) for name, value in want.items()), f"imported as {dtype}")
        config = transformers.AutoConfig.from_pretrained(folder)
        need(config.dtype == dtype, "and its configuration says so")


def save_bin(folder, tensors, shards, **how):
    if shards == 1:
        return torch.save(tensors, folder / "pytorch_model.bin", **how)
    names = sorted(tensors)
    weight_map = {name: f"pytorch_model-{i % shards}.bin" for i, name in enumerate(names)}
    for file in sorted(set(weight_map.values())):
        torch.save({n: tensors[n] for n in names if weight_map[n] == file}, folder / file, **how)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def tiny_model(seed, dtype="float32", **config):
    return Row("", {"model_type": "llama", "vocab_size": 256, "hidden_size": 48,
                    "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 6,
                    **config}, "", dtype=dtype, seed=seed)


def bins(program, parent):
    for tiny in (tiny_model(1, num_key_value_heads=2), tiny_model(2, tie_word_embeddings=True),
                 tiny_model(3, "bfloat16")):
        source = parent / f"tiny{tiny.seed}"
        make(tiny, source)
        want = Reference(source).logits(IDS)
        tensors = safetensors.torch.load_file(source / "model.safetensors")
        for shards, zipped in ((1, True), (1, False), (3, True)):
            folder = parent / f"bin{tiny.seed}{shards}{zipped}"
            folder.mkdir()
            shutil.copy(source / "config.json", folder)
            (folder / "tokenizer.json").write_text(f'{{"of": {tiny.seed}}}')
            save_bin(folder, tensors, shards, _use_new_zipfile_serialization=zipped)
            words = f"{'zip' if zipped else 'legacy'} of {shards}, {tiny.dtype}"
            same_logits(program, folder, want, words)
            imported(program, folder, tensors, words)


def other_head(program, parent):
    """A head stored beside the table that it is tied to: the same table, another matrix, another dtype."""
    table, head = "model.embed_tokens.weight", "lm_head.weight"
    source = parent / "head"
    make(tiny_model(6, tie_word_embeddings=True), source)
    tied = Reference(source).logits(IDS)
    for words, change, warned in (
            ("the table", lambda t: t.clone(), False),
            ("another matrix", lambda t: t.flip(0) * 1.25, True),
            ("another matrix of another dtype", lambda t: (t * 0.5).to(torch.bfloat16), True)):
        store(source, lambda all: all | {head: change(all[table])})
        want = Reference(source).logits(IDS)
        need(np.allclose(want, tied) != warned, f"a head that is {words} counts")
        same_logits(program, source, want, f"a head that is {words}")
        done = program.run("generate", "--model", source, "--input-ids", "1", "--max-new-tokens", 1, text=True)
        need((f"'{head}' is not the embedding's table" in done.stderr) == warned, "which is said")


def first_dtype(program, parent):
    """The dtype of a config.json that names none, as transformers' "auto" and as import draws weights in it."""
    source = parent / "dtype"
    make(tiny_model(7, "bfloat16"), source)
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "dtype"}))
    for first in (torch.bfloat16, torch.float32, torch.float16):
        store(source, lambda all: all | {min(all): all[min(all)].to(first)})
        want = transformers.AutoModelForCausalLM.from_pretrained(source, dtype="auto").dtype
        folder = parent / f"drawn {first}"
        program.text("import", source, "--output", folder, "--init-seed", 1)
        got = {t.dtype for t in safetensors.torch.load_file(folder / "model.safetensors").values()}
        need(want == first and got == {want}, f"weights are drawn in {want}")


def turned(program, parent):
    """Matrices that were saved as transposed views, as some training programs do."""
    for tiny, turns in ((tiny_model(4), ".mlp.down_proj."),
                        (Row("", {"model_type": "gpt2", "vocab_size": 256, "n_embd": 48, "n_layer": 3, "n_head": 6},
                             "", seed=5), "attn.c_")):
        source = parent / f"turned{tiny.seed}"
        make(tiny, source)
        want = Reference(source).logits(IDS)
        tensors = safetensors.torch.load_file(source / "model.safetensors")
        folder = parent / f"views{tiny.seed}"
        folder.mkdir()
        shutil.copy(source / "config.json", folder)
        (folder / "tokenizer.json").write_text("{}")
        views = {name: t.t().contiguous().t() if turns in name and t.dim() == 2 else t for name, t in tensors.items()}
        need(any(not t.is_contiguous() for t in views.values()), "some are views")
        torch.save(views, folder / "pytorch_model.bin")
        same_logits(program, folder, want, f"transposed views, {tiny.config['model_type']}")
        imported(program, folder, tensors, "transposed views")
    embedding = next(name for name in views if name.endswith("wte.weight"))
    views[embedding] = views[embedding].t().contiguous().t()
    torch.save(views, folder / "pytorch_model.bin")
    done = program.run("logits", "--model", folder, "--input-ids", "1", "--output", parent / "none", text=True)
    need(f"{embedding}: is stored column by column, and its rows are read apart: make a folder of the model with "
         "`strata import`" in done.stderr, "a transposed table is refused")
    imported(program, folder, tensors, "a transposed table")


def blocks(kind, rows, columns, rng):
    """A matrix in blocks whose values are those of small weights."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    out = rng.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)
    scale_all(out, kind, 1)
    scale_all(out, kind, 0.1 / gguf.quants.dequantize(out, kind).std())
    return out.reshape(rows, -1)


def scale_all(out, kind, scale):
    """Writes one scale into all blocks."""
    half = np.float16(scale).view(np.uint16)
    for at in SCALES[kind]:
        out[:, at:at + 2] = np.frombuffer(half.tobytes(), np.uint8)
    if kind == Type.MXFP4:  # a power of two
        out[:, 0] = 128 + int(np.log2(scale))
    if kind == Type.NVFP4:
        out[:, :4] = gguf.quants.NVFP4.fp32_to_ue4m3(np.float32([scale]))
    if kind == Type.IQ1_M:  # a quarter in each of four words
        for i in range(4):
            out[:, 49 + 2 * i] = out[:, 49 + 2 * i] & 15 | (half >> 4 * i & 15) << 4


def write_gguf(file, kinds, split=0):
    """A llama whose matrices go through `kinds`; in parts of `split` tensors unless that is 0."""
    rng, at, used = np.random.default_rng(5), 0, set()
    tokens = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokens += [f"<{i}>" for i in range(len(tokens), V)]
    out = gguf.GGUFWriter(file, "llama", split_max_tensors=split)
    for add, value in (("context_length", 64), ("block_count", L), ("embedding_length", D),
                       ("feed_forward_length", F), ("head_count", H), ("head_count_kv", K),
                       ("rope_dimension_count", E), ("layer_norm_rms_eps", 1e-5),
                       ("vocab_size", V), ("tokenizer_model", "gpt2"), ("tokenizer_pre", "smollm"),
                       ("token_list", tokens), ("token_types", [1] * V), ("token_merges", [])):
        getattr(out, f"add_{add}")(value)
    shapes = {"token_embd": (V, D)}
    for layer in range(L):
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in {
            "attn_q": (H * E, D), "attn_k": (K * E, D), "attn_v": (K * E, D),
            "attn_output": (D, H * E), "ffn_gate": (F, D), "ffn_up": (F, D), "ffn_down": (D, F),
            "attn_norm": (D,), "ffn_norm": (D,)}.items()}
    shapes |= {"output_norm": (D,), "output": (V, D)}
    for name, shape in shapes.items():
        if len(shape) == 1:
            out.add_tensor(f"{name}.weight", rng.uniform(0.6, 1.4, shape).astype(np.float32))
            continue
        kind, at = kinds[at % len(kinds)], at + 1
        used.add(kind)
        out.add_tensor(f"{name}.weight", blocks(kind, *shape, rng), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    assert used == set(kinds), used


def mixed_file(parent):
    """A GGUF file of all kinds, transformers' model of it, and that model's logits."""
    file = parent / "mixed.gguf"
    write_gguf(file, list(SCALES))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        parent, gguf_file=file.name, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return file, model, model(torch.tensor([IDS])).logits[0].numpy()


def mixed_on_gpu(program, parent):
    """Blocks come into groups on the GPU, while the model loads and behind fetches. Bfloat16 uses other kernels; in it
    the logits of this model are 0.07 off on the CPU too."""
    file, _, want = mixed_file(parent)
    for dtype, most in (("float32", 1e-4), ("bfloat16", 0.15)):
        made = {}
        for tier in ("device", "pinned", "nvme"):
            options = ("--dtype", dtype, "--offload", tier)
            far = float(np.abs(program.logits(file, IDS, *options) - want).max() / np.abs(want).max())
            need(far <= most, f"{dtype}, {tier}: the logits are {far:.1e} of the largest off")
            made[tier] = program.generate(file, [IDS[:5], IDS[:9]], 8, *options)["output_ids"]
        need(len({json.dumps(ids) for ids in made.values()}) == 1, f"{dtype}: each tier gives the same tokens")


def mixed(program, parent):
    file, model, want = mixed_file(parent)
    same_logits(program, file, want, f"GGUF of {len(SCALES)} quantizations")
    few(program, file, want)
    packed(program, file)
    imported(program, file, model.state_dict(), "GGUF")
    imported_as(program, file, model.state_dict(), torch.bfloat16)
    imported_as(program, file, model.state_dict(), torch.float16)
    split(program, parent / "split", model.state_dict(), want)


def split(program, folder, tensors, want):
    """The same model in parts; each part and their folder name the whole model."""
    folder.mkdir()
    write_gguf(folder / "m.gguf", list(SCALES), split=11)
    parts = sorted(folder.iterdir())
    need(len(parts) > 3 and parts[1].name.startswith("m-00002-of-0000"), f"{len(parts)} parts")
    for model in (parts[0], parts[-1], folder):
        far = np.abs(program.logits(model, IDS) - want).max() / np.abs(want).max()
        need(far <= TOLERANCE, f"a split GGUF by {model.name}: the logits are {far:.1e} of the largest off")
    plan = json.loads(program.text("plan", "--model", parts[1], "--device", "cpu", "--json"))
    need(plan["weights"]["exact"], "its plan is exact")
    need(program.text("tokenize", "--model", parts[1], "--text", "ab"), "it has its tokenizer")
    imported(program, parts[2], tensors, "a split GGUF")
    parts[1].unlink()
    done = program.run("plan", "--model", parts[0], "--device", "cpu", text=True)
    need(done.returncode == 1 and f"parts are missing: {parts[1].name}" in done.stderr, "a missing part is named")


def beside(program, parent):
    """Tensors, shards and configurations with more than the model needs, which transformers accepts."""
    source = parent / "beside"
    make(tiny_model(6), source)
    config = json.loads((source / "config.json").read_text())
    tensors = safetensors.torch.load_file(source / "model.safetensors")

    def check(words, config, shards, index=None, said="", *options):
        folder = parent / words.replace(" ", "-")
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        for file, held in shards.items():
            safetensors.torch.save_file(held, folder / file, {"format": "pt"})
        if index is not None:
            (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
        want = Reference(folder).logits(IDS)
        out = parent / "beside.safetensors"
        done = program.run("logits", "--model", folder, "--input-ids", ",".join(map(str, IDS)), "--output", out,
                           "--device", "cpu", *options, text=True)
        need(done.returncode == 0 and said in done.stderr, f"{words}: {done.stderr.strip() or 'nothing is said'}")
        need(done.stderr.count("\n") == bool(said), f"{words}: in one line")
        far = np.abs(safetensors.torch.load_file(out)["logits"].numpy() - want).max() / np.abs(want).max()
        need(far <= TOLERANCE, f"{words}: the logits are {far:.1e} of the largest off")

    one = "model.safetensors"
    check("extra tensors", config, {one: {**tensors, "v_head.summary.weight": torch.rand(1, 48),
                                          "score.codes": torch.zeros(2, 2, dtype=torch.float8_e4m3fn),
                                          "model.position_ids": torch.arange(9)}},
          None, "2 tensors are of no use to the model and left aside: 'score.codes', 'v_head.summary.weight'")
    check("fewer layers", {**config, "num_hidden_layers": 2}, {one: tensors}, None,
          "9 tensors are of no use to the model and left aside: 'model.layers.2.")
    check("a quantization named", {**config, "quantization_config": None, "quantization": {"group_size": 64, "bits": 4}},
          {one: tensors}, None, "the configuration names the quantization MLX (4 bits), but the weights are plain")
    names = sorted(tensors)
    shards = {"a.safetensors": {n: tensors[n] for n in names[::2]}, "b.safetensors": {n: tensors[n] for n in names[1::2]}}
    where = {n: file for file, held in shards.items() for n in held}
    check("an index of more", config, shards, {**where, "mtp.weight": "a.safetensors", names[0]: "b.safetensors"})
    check("an index of fewer", config, shards, {n: file for n, file in where.items() if n != names[2]})
    twice = {**shards, "b.safetensors": {**shards["b.safetensors"], names[0]: tensors[names[0]] * 2}}
    check("a tensor in two shards", config, twice, where, f"the last shard's are used: '{names[0]}'")


def few(program, file, want):
    """Few tokens are multiplied with blocks as they lie, exactly and with activations in 8 bits."""
    want = want[:20]
    for products, most in (("exact", TOLERANCE), ("fast", 0.15)):
        got = program.logits(file, IDS[:20], "--products", products)
        far = np.abs(got - want).max() / np.abs(want).max()
        need(far <= most, f"{products} products of 20 tokens: the logits are {far:.1e} of the largest off")


def packed(program, file):
    """A tier from which units are copied holds the file's blocks, and a pass moves no more bytes; a line says that they
    are expanded."""
    done = program.run("plan", "--model", file, "--device", "cpu", "-v", text=True)
    for said in (done.stdout, done.stderr):
        need("TQ2_0 are expanded to float32 for computing: " in said, said.strip()[:200])
    for tier in ("cpu", "pinned"):
        report = program.generate(file, [IDS[:5]], 3, "--offload", tier, "--set", "run.in_place=off")["report"]
        held, size = report["tiers"][tier]["bytes"], file.stat().st_size
        need(held <= size < report["weights"]["run_bytes"] / 3, f"{tier} holds {held} of {size} bytes")
        moved = report["moved"]["decode"]
        need(0 < moved["counted"] == moved["planned"] <= moved["steps"] * held,
             f"{tier}: {moved} of {held} bytes")


def main():
    torch.set_num_threads(1)
    quietly.silence()
    on_gpu = sys.argv[3:] == ["--device", "cuda"]
    program = Many(sys.argv[1], device="cuda" if on_gpu else "cpu")
    with tempfile.TemporaryDirectory(dir=sys.argv[2]) as name:
        parent = pathlib.Path(name)
        cases = (mixed_on_gpu,) if on_gpu else (bins, other_head, first_dtype, turned, beside, mixed)
        for case in cases:
            case(program, parent)
    program.close()


main()
