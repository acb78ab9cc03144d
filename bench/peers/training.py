#!/usr/bin/env python3
"""One training step of others, for bench/finetune.py, which runs each in a process of its own.

deepspeed: ZeRO-3 with the optimizer's states in page-locked host memory. compute: forward and backward of
transformers on weights that the GPU holds. adam: the optimizer alone, torch's and DeepSpeed's, in host memory.
build: DeepSpeed compiles its optimizer, which the others then find compiled. Each prints one object.

usage: bench/peers/training.py deepspeed|compute|adam|build --config CONFIG.json [--batch N --tokens N --clip C
       --steps N --seconds S]
"""
import argparse
import json
import os
import statistics
import time

import torch
import transformers

WARM = 2  # first steps, which are not timed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=("deepspeed", "compute", "adam", "build"))
    parser.add_argument("--config")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=1e9, help="no step but the first three begins behind them")
    parser.add_argument("--parameters", type=int, default=1 << 27, help="of the optimizer that runs alone")
    return parser.parse_args()


def turns(options, begin=time.monotonic()):
    """The steps that there is time for."""
    for step in range(WARM + options.steps):
        if step > WARM and time.monotonic() - begin > options.seconds:
            return
        yield step


def timed(*parts):
    """Runs the parts one after the other; the seconds of each."""
    seconds = []
    for part in parts:
        torch.cuda.synchronize()
        start = time.monotonic()
        part()
        torch.cuda.synchronize()
        seconds.append(time.monotonic() - start)
    return seconds


def medians(rows, names):
    kept = rows[WARM:]
    return {name: statistics.median(row[at] for row in kept) for at, name in enumerate(names)}


def model_of(options):
    config = transformers.AutoConfig.from_pretrained(options.config)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa")
    model.config.use_cache = False
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train()


def batch_of(options):
    config = transformers.AutoConfig.from_pretrained(options.config)
    return torch.randint(0, config.vocab_size, (options.batch, options.tokens), device="cuda")


def compute(options):
    with torch.device("cuda"):
        model = model_of(options)
    ids, losses = batch_of(options), []

    def backward():
        losses.pop().backward()

    rows = []
    for _ in turns(options):
        rows.append(timed(lambda: losses.append(model(input_ids=ids, labels=ids).loss), backward))
        model.zero_grad(set_to_none=True)
    return medians(rows, ("forward_s", "backward_s"))


def deepspeed(options):
    os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29531")
    import deepspeed as peer
    from deepspeed.ops.adam import DeepSpeedCPUAdam

    peer.init_distributed("nccl")
    settings = {
        "train_micro_batch_size_per_gpu": options.batch, "gradient_accumulation_steps": 1,
        "gradient_clipping": options.clip, "steps_per_print": 1 << 30, "bf16": {"enabled": True},
        "zero_optimization": {
            "stage": 3, "overlap_comm": True, "contiguous_gradients": True, "reduce_bucket_size": 4e8,
            "sub_group_size": 4e8, "offload_optimizer": {"device": "cpu", "pin_memory": True}}}
    with peer.zero.Init(config_dict_or_path=settings, dtype=torch.bfloat16):
        model = model_of(options)
    optimizer = DeepSpeedCPUAdam(model.parameters(), lr=1e-5)
    engine, *_ = peer.initialize(model=model, optimizer=optimizer, config=settings)
    ids, losses, rows = batch_of(options), [], []
    for _ in turns(options):
        rows.append(timed(lambda: losses.append(engine(input_ids=ids, labels=ids).loss),
                          lambda: engine.backward(losses.pop()), engine.step))
        rows[-1].append(sum(rows[-1]))
    out = medians(rows, ("forward_s", "backward_s", "update_s", "step_s"))
    torch.distributed.destroy_process_group()
    return out | {"version": peer.__version__, "peak_bytes": torch.cuda.max_memory_allocated(),
                  "best_s": min(row[-1] for row in rows[WARM:])}


def adam(options):
    """Bytes a second: a parameter's float32 gradient and weight and two moments are read, the last three written."""
    weights = torch.nn.Parameter(torch.zeros(options.parameters))
    weights.grad = torch.full_like(weights, 1e-3)

    def torch_adam():
        return torch.optim.AdamW([weights], lr=1e-5, fused=True)

    def deepspeed_adam():
        from deepspeed.ops.adam import DeepSpeedCPUAdam
        return DeepSpeedCPUAdam([weights], lr=1e-5)

    out = {}
    for name, make in (("torch", torch_adam), ("deepspeed", deepspeed_adam)):
        try:
            optimizer, seconds = make(), []
        except (ImportError, RuntimeError) as failed:  # DeepSpeed compiles its own
            out[name] = {"failed": str(failed)}
            continue
        for _ in turns(options):
            start = time.monotonic()
            optimizer.step()
            seconds.append(time.monotonic() - start)
        out[name] = {"bytes_per_s": 28 * options.parameters / statistics.median(seconds[WARM:])}
        del optimizer
    return out


def build(_):
    begin = time.monotonic()
    from deepspeed.ops.op_builder import CPUAdamBuilder
    CPUAdamBuilder().load(verbose=False)
    return {"built_s": time.monotonic() - begin}


def main():
    options = arguments()
    made = {"deepspeed": deepspeed, "compute": compute, "adam": adam, "build": build}[options.peer](options)
    print(json.dumps(made), flush=True)


if __name__ == "__main__":
    main()
