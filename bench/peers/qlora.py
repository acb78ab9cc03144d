#!/usr/bin/env python3
"""QLoRA steps of transformers, peft and bitsandbytes, for bench/qlora.py: prints one object.

The model is built on no device, and each matrix but the head becomes a drawn one in nf4 with double quantization,
so that no checkpoint is read. Adapters are on all linear layers but the head, checkpointing is on, and the optimizer
is torch's fused AdamW.

usage: bench/peers/qlora.py --config CONFIG.json [--rank R --batch N --tokens N --steps N --device cuda|cpu]
"""
import argparse
import json
import statistics
import time

import bitsandbytes
import peft
import torch
import transformers

WARM = 2  # first steps, which are not timed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60, help="no step begins behind them")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    return parser.parse_args()


def packed(linear, device):
    """A layer of the same shape with drawn weights."""
    rows, columns = linear.out_features, linear.in_features
    weight = torch.randn(rows, columns, device=device, dtype=torch.bfloat16).mul_(columns**-0.5)
    codes, state = bitsandbytes.functional.quantize_4bit(weight, blocksize=64, compress_statistics=True,
                                                         quant_type="nf4")
    out = bitsandbytes.nn.Linear4bit(columns, rows, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4",
                                     device="meta")
    out.weight = bitsandbytes.nn.Params4bit(codes, requires_grad=False, quant_state=state, blocksize=64,
                                            compress_statistics=True, quant_type="nf4", module=out,
                                            bnb_quantized=True)
    out.quant_state = state
    return out


def model_of(options):
    config = transformers.AutoConfig.from_pretrained(options.config)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16,
                                                              attn_implementation="sdpa")
    for name, module in list(model.named_modules()):
        for child, layer in list(module.named_children()):
            if isinstance(layer, torch.nn.Linear) and child != "lm_head":
                setattr(module, child, packed(layer, options.device))
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.is_meta:
                drawn = torch.ones if weight.dim() == 1 else torch.randn
                made = drawn(weight.shape, dtype=torch.bfloat16, device=options.device)
                setattr(module, name, torch.nn.Parameter(made * (1 if weight.dim() == 1 else 0.02), False))
    model.model.rotary_emb = type(model.model.rotary_emb)(config).to(options.device)
    model.is_loaded_in_4bit = True  # peft asks for it
    model.config.use_cache = False
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
    wanted = peft.LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules="all-linear",
                             task_type="CAUSAL_LM")
    return peft.get_peft_model(model, wanted).train()


def finish(options):
    if options.device == "cuda":
        torch.cuda.synchronize()


def main():
    options = arguments()
    begin = time.monotonic()
    model = model_of(options)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-4, fused=True)
    vocabulary = model.config.vocab_size
    ids = torch.randint(0, vocabulary, (options.batch, options.tokens), device=options.device)
    finish(options)
    built, seconds, losses = time.monotonic() - begin, [], []
    while len(seconds) < WARM + options.steps and (len(seconds) <= WARM or time.monotonic() - begin < options.seconds):
        start = time.monotonic()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        finish(options)
        seconds.append(time.monotonic() - start)
        losses.append(float(loss))
    step = statistics.median(seconds[WARM:])
    out = {"step_s": step, "least_s": min(seconds[WARM:]), "steps": len(seconds) - WARM, "built_s": built,
           "tokens_per_s": options.batch * options.tokens / step, "losses": losses,
           "trained": sum(weight.numel() for weight in trained), "bitsandbytes": bitsandbytes.__version__,
           "transformers": transformers.__version__, "peft": peft.__version__}
    if options.device == "cuda":
        out |= {"peak_bytes": torch.cuda.max_memory_allocated(), "reserved_bytes": torch.cuda.max_memory_reserved()}
    print(json.dumps(out), flush=True)


if __name__ == "__main__":
    main()
