#!/usr/bin/env python3
"""Claim: decode of a model that lies in host memory or on disk runs at the link's or the disk's rate.

The shape of Llama-2-13B with dummy bfloat16 weights and 4 GiB of device memory, B = 1 with prompts
of 512 tokens and B = 32 with prompts of 32. Beside each run, before and after it, the machine's own
limit is measured: copies from page-locked memory for --offload pinned, reads with O_DIRECT for
nvme. A step's rate is the bytes that it moved over its time; the first loop warms up. Printed: the
median rate over the median limit. A ratio above 1.02 voids a run.

usage: bench/stream_13b.py [--strata PROGRAM] [--offload pinned|nvme] [--offload-dir DIR] [--json FILE]
"""
import argparse
import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CASES = ((1, 512), (32, 32))
BLOCK = 256 << 20  # bytes of one measured copy
READ, READERS = 4 << 20, 8  # bytes of one read, and how many at once


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strata", default="bin/strata" if os.path.exists("bin/strata") else "build/bin/strata")
    parser.add_argument("--model", default="llama-2-13b")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--device-memory", default="4GiB")
    parser.add_argument("--host-memory", default="64GiB")
    parser.add_argument("--offload", default="pinned", choices=("pinned", "nvme"))
    parser.add_argument("--offload-dir", default=".", help="of --offload nvme, on the disk to measure")
    parser.add_argument("--gen-len", type=int, default=11, help="tokens; the first is prefill's")
    parser.add_argument("--loops", type=int, default=3, help="of a run, the first of which warms up")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each case, with limits around each")
    parser.add_argument("--file-size", type=int, default=8 << 30, help="bytes that the disk's limit reads")
    parser.add_argument("--json", help="write everything here")
    return parser.parse_args()


def link_rate():
    """Bytes a second from page-locked memory to the GPU, in blocks, by the GPU's own clock."""
    import torch

    host = torch.empty(BLOCK, dtype=torch.uint8, pin_memory=True)
    device = torch.empty(BLOCK, dtype=torch.uint8, device="cuda")
    rates = []
    for _ in range(44):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        device.copy_(host, non_blocking=True)
        end.record()
        end.synchronize()
        rates.append(BLOCK / (begin.elapsed_time(end) / 1e3))
    del host, device
    torch.cuda.empty_cache()
    return statistics.median(rates[4:])


class Disk:
    """A file that is read whole, past the page cache."""

    def __init__(self, folder, size):
        self.size = size // READ * READ
        handle, self.path = tempfile.mkstemp(dir=folder, prefix="stream_13b-")
        block = mmap.mmap(-1, READ)
        block.write(os.urandom(READ))
        os.close(handle)
        out = os.open(self.path, os.O_WRONLY | os.O_DIRECT)
        for _ in range(self.size // READ):
            os.write(out, block)
        os.fsync(out)
        os.close(out)

    def rate(self):
        source = os.open(self.path, os.O_RDONLY | os.O_DIRECT)
        places = iter(range(0, self.size, READ))
        lock, failures = threading.Lock(), []

        def work():
            block = mmap.mmap(-1, READ)
            try:
                while True:
                    with lock:
                        place = next(places, None)
                    if place is None:
                        return
                    if os.preadv(source, [block], place) != READ:
                        raise OSError("a short read")
            except OSError as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(READERS)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - begin
        os.close(source)
        if failures:
            raise failures[0]
        return self.size / seconds

    def remove(self):
        os.unlink(self.path)


def run(options, batch, prompt):
    command = [options.strata, "bench", "--model", options.model, "--dummy", "--dtype", "bfloat16",
               "--device", options.device, "--offload", options.offload,
               "--device-memory", options.device_memory, "--host-memory", options.host_memory,
               "--batch-size", str(batch), "--prompt-len", str(prompt),
               "--gen-len", str(options.gen_len), "--loops", str(options.loops), "--json"]
    if options.offload == "nvme":
        command += ["--offload-dir", options.offload_dir]
    begin = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nexit status {done.returncode}: {done.stderr.strip()}")
    out = json.loads(done.stdout)
    out["seconds"] = time.monotonic() - begin
    return out


def measure(options, batch, prompt, limit):
    limits, runs = [limit()], []
    for _ in range(options.rounds):
        runs.append(run(options, batch, prompt))
        limits.append(limit())
    loops = [loop for one in runs for loop in one["loops"][1:]]
    steps = sum(loop["moved"]["steps"] for loop in loops)
    step_s = statistics.median(l["decode_latency_s"] / l["moved"]["steps"] for l in loops)
    moved = statistics.median(l["moved"]["decode"] / l["moved"]["steps"] for l in loops)
    result = {"batch": batch, "prompt": prompt, "steps": steps, "step_s": step_s,
              "moved_bytes_a_step": moved, "rate": moved / step_s, "limit": statistics.median(limits),
              "limits": limits, "ratio": moved / step_s / statistics.median(limits), "runs": runs}
    result["void"] = result["ratio"] > 1.02
    print(f"{options.offload} B={batch} prompt {prompt}: {moved / 1e9:.2f} GB a step in "
          f"{step_s * 1e3:.1f} ms (median of loops, {steps} steps) = {result['rate'] / 1e9:.2f} GB/s; "
          f"limit {result['limit'] / 1e9:.2f} GB/s ({min(limits) / 1e9:.2f} to {max(limits) / 1e9:.2f}); "
          f"ratio {result['ratio']:.4f}{'  VOID' if result['void'] else ''}", flush=True)
    return result


def main():
    options = arguments()
    disk = None
    if options.offload == "nvme":
        os.makedirs(options.offload_dir, exist_ok=True)
        disk = Disk(options.offload_dir, options.file_size)
    try:
        results = [measure(options, batch, prompt, disk.rate if disk else link_rate)
                   for batch, prompt in CASES]
    finally:
        if disk:
            disk.remove()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"options": vars(options), "results": results}, out, indent=1)
            out.write("\n")
    return 1 if any(r["void"] for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
