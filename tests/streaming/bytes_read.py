"""The bytes that the kernel counts for a run from disk are those of its report, within 1 %."""

import json
import os
import subprocess

from program import MODEL, check, own_copy, result, streamed

folder, copy = own_copy()
with folder:
    result(streamed("nvme"))  # libraries come to the page cache
    child = subprocess.Popen(streamed("nvme", model=copy, tokens=12), stdout=subprocess.PIPE)
    text = child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with open(f"/proc/{child.pid}/io") as file:
        kernel = dict(line.split(": ") for line in file.read().splitlines())
    assert child.wait() == 0
moved = json.loads(text)["report"]["moved"]
told = sum(moved[part]["counted"] for part in ("load", "prefill", "decode"))
read = int(kernel["read_bytes"])
check(abs(read - told) <= 0.01 * told, f"the kernel read {read} bytes, the report says {told}")
least = 11 * os.path.getsize(MODEL) // 2
check(moved["decode"]["counted"] > least, f"decode moved more than {least} bytes")
