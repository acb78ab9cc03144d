"""Runs the program on the real model, and asks the kernel about it.

Every proof is called as PROOF.py PROGRAM MODEL.gguf FLIP.so
"""

import ctypes
import json
import mmap
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROGRAM, MODEL, FLIP = sys.argv[1:4]
PROMPT = "504,3575,282,4649,314,253,1789,355,314"  # any ids do
BUDGET = 40 << 20  # less than half of the packed weights
OFFLOADS = ("cpu", "pinned", "nvme")


def command(*more, model=MODEL, tokens=4):
    return [PROGRAM, "generate", "--model", model, "--input-ids", PROMPT, "--max-new-tokens",
            str(tokens), "--ignore-eos", "--dtype", "float32", "--device", "cpu", "--threads", "2",
            "--json", *map(str, more)]


def streamed(offload, *more, **how):
    """Units are copied also from memory from which the CPU could compute."""
    return command("--offload", offload, "--device-memory", BUDGET, "--set", "run.in_place=off", *more, **how)


def result(arguments, **how):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, **how)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.returncode}: {done.stderr}"
    return json.loads(done.stdout)


def own_copy():
    """A copy of the model on a disk, with no part of it in the page cache; removed with its folder."""
    folder = tempfile.TemporaryDirectory(prefix="strata-", dir=pathlib.Path(PROGRAM).parent)
    copy = shutil.copy(MODEL, folder.name)
    descriptor = os.open(copy, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    assert cached(copy) == 0, f"{cached(copy)} bytes of {copy} stay in the page cache"
    return folder, copy


def cached(path):
    """Bytes of the file that lie in the page cache, by mincore."""
    pages = -(-os.path.getsize(path) // mmap.PAGESIZE)
    seen = (ctypes.c_ubyte * pages)()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as view:
        libc = ctypes.CDLL(None, use_errno=True)
        address = ctypes.c_char.from_buffer(view)
        status = libc.mincore(ctypes.c_void_p(ctypes.addressof(address)),
                              ctypes.c_size_t(len(view)), seen)
        del address
    assert status == 0, os.strerror(ctypes.get_errno())
    return sum(page & 1 for page in seen) * mmap.PAGESIZE


def check(fact, words):
    print("yes:" if fact else "NO:", words, flush=True)
    if not fact:
        sys.exit(1)
