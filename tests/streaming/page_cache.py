"""A run from disk leaves less than 1 MiB of the model's file in the page cache."""

from program import cached, check, own_copy, result, streamed

folder, copy = own_copy()
with folder:
    result(streamed("nvme", model=copy))
    left = cached(copy)
check(left < 1 << 20, f"{left} bytes of the file lie in the page cache")
