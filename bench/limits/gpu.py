"""The GPU's rates: its link in each direction, and products of matrices."""
import statistics

import torch

BLOCK = 256 << 20  # bytes of one measured copy
ROUNDS, FIRST = 24, 4  # the first rounds warm up


def seconds_of(work):
    """The median time of `work`, by the GPU's own clock."""
    times = []
    for _ in range(ROUNDS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1e3)
    return statistics.median(times[FIRST:])


def link_rates():
    """Bytes a second from page-locked memory to the device, back, and of each while both run."""
    host, back = (torch.empty(BLOCK, dtype=torch.uint8, pin_memory=True) for _ in range(2))
    device, source = (torch.empty(BLOCK, dtype=torch.uint8, device="cuda") for _ in range(2))
    other = torch.cuda.Stream()

    def both():
        other.wait_stream(torch.cuda.current_stream())
        device.copy_(host, non_blocking=True)
        with torch.cuda.stream(other):
            back.copy_(source, non_blocking=True)
        torch.cuda.current_stream().wait_stream(other)

    rates = {"to_device": BLOCK / seconds_of(lambda: device.copy_(host, non_blocking=True)),
             "to_host": BLOCK / seconds_of(lambda: back.copy_(source, non_blocking=True)),
             "each_of_both": BLOCK / seconds_of(both)}
    del host, back, device, source
    torch.cuda.empty_cache()
    return rates


def matmul_rate(size=8192):
    """Operations a second of a product of square bfloat16 matrices of random numbers."""
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)
    rate = 2 * size**3 / seconds_of(lambda: torch.mm(a, b, out=out))
    del a, b, out
    torch.cuda.empty_cache()
    return rate
