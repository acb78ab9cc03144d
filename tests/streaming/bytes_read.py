"""The bytes that the kernel counts for a run from disk are those of its report, within 1 % and what a start reads of
the program."""

import json
import os
import subprocess

from program import MODEL, check, own_copy, result, streamed

CODE = 32 << 20  # bytes of the program and its libraries that a start may read

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
# The kernel counts pages of the program and of its libraries, too, that are not in memory any more.
check(0.99 * told <= read <= 1.01 * told + CODE, f"the kernel read {read} bytes, the report says {told}")
least = 11 * os.path.getsize(MODEL) // 2
check(moved["decode"]["counted"] > least, f"decode moved more than {least} bytes")
