#!/usr/bin/env python3
"""The rates at which several GPUs copy page-locked memory at once, each in a process of its own: prints one object.

usage: bench/limits/links.py GPUS [SECONDS]
"""
import json
import multiprocessing
import sys
import time

BLOCK = 256 << 20  # bytes of one copy
FIRST = 0.5  # seconds that are not counted, in which all begin
AHEAD = 4  # copies that are issued at a time


def copies(gpu, seconds, ready, rates):
    """Copies for so long, and a little longer, so that nobody is alone at the end."""
    import torch

    torch.cuda.set_device(gpu)
    host = torch.empty(BLOCK, dtype=torch.uint8, pin_memory=True)
    device = torch.empty(BLOCK, dtype=torch.uint8, device="cuda")
    torch.cuda.synchronize()
    ready.wait(120)
    begin, done, counted = time.monotonic(), 0, []
    while (now := time.monotonic() - begin) < seconds + 2 * FIRST:
        if FIRST <= now <= seconds + FIRST:
            counted.append((now, done))
        for _ in range(AHEAD):
            device.copy_(host, non_blocking=True)
        torch.cuda.synchronize()
        done += AHEAD * BLOCK
    (first, before), (last, after) = counted[0], counted[-1]
    rates.put((gpu, (after - before) / (last - first)))


def rates_of(gpus, seconds=3.0):
    """Bytes a second of each of the first GPUs, while all of them copy."""
    context = multiprocessing.get_context("spawn")
    ready, rates = context.Barrier(gpus), context.Queue()
    workers = [context.Process(target=copies, args=(gpu, seconds, ready, rates)) for gpu in range(gpus)]
    for worker in workers:
        worker.start()
    try:
        found = dict(rates.get(timeout=seconds + 120) for _ in workers)
    finally:
        for worker in workers:
            worker.join(10)
            worker.kill()
    return [found[gpu] for gpu in range(gpus)]


if __name__ == "__main__":
    each = rates_of(int(sys.argv[1]), *map(float, sys.argv[2:3]))
    print(json.dumps({"each": each, "sum": sum(each)}), flush=True)
