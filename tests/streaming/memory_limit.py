"""Runs of float32 weights end well in a memory cgroup smaller than these: one from disk, and one that
chooses by itself what lies where. Runs that would hold more are refused before they take it. Needs
root for a cgroup of version 1 or 2, else RLIMIT_DATA is the limit. A limit of address space that
LibTorch alone exceeds is refused too."""

import contextlib
import os
import pathlib
import resource
import subprocess
import tempfile

from program import MODEL, PROGRAM, check, command, result

LIMIT = 480 << 20
BUDGET = 179 << 20  # a third of the weights


def own_group(root, version):
    """The cgroup of this process with a child of it, below a mounted root."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if (controllers == "" if version == 2 else "memory" in controllers.split(",")):
            return pathlib.Path(root, path.lstrip("/"), f"strata-{os.getpid()}")
    raise OSError("no memory controller")


@contextlib.contextmanager
def memory_group(version):
    with tempfile.TemporaryDirectory(prefix="strata-cgroup-") as root:
        kind = ["-t", "cgroup", "-o", "memory"] if version == 1 else ["-t", "cgroup2"]
        mounted = subprocess.run(["mount", *kind, "none", root], capture_output=True, text=True)
        if mounted.returncode != 0:
            raise OSError(mounted.stderr)
        try:
            group = own_group(root, version)
            group.mkdir()
            try:
                limit = "memory.limit_in_bytes" if version == 1 else "memory.max"
                (group / limit).write_text(str(LIMIT))
                procs = str(group / "cgroup.procs")

                def enter():
                    with open(procs, "w") as file:
                        file.write("0")
                yield enter
            finally:
                group.rmdir()
        finally:
            subprocess.run(["umount", root], check=True)


@contextlib.contextmanager
def data_limit():
    yield lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))


def refused(arguments, enter):
    done = subprocess.run(arguments, preexec_fn=enter, capture_output=True, text=True, timeout=300)
    words = done.stderr.splitlines()
    check(done.returncode == 1 and len(words) == 1 and words[0].startswith("error: memory: ")
          and len(words[0]) <= 300, f"{arguments[-4:]} is refused: {done.returncode} {done.stderr}")


def prove(limited, model):
    with limited as enter:
        out = result(command("--offload", "nvme", "--device-memory", BUDGET, model=model), preexec_fn=enter)
        chosen = result(command(model=model), preexec_fn=enter)
        for more in (("--offload", "device"), ("--offload", "cpu", "--device-memory", LIMIT - (80 << 20))):
            refused(command(*more, model=model), enter)
    run_bytes = out["report"]["weights"]["run_bytes"]
    check(LIMIT < run_bytes and BUDGET < run_bytes, f"{LIMIT} bytes for weights of {run_bytes}")
    check(chosen["output_ids"] == out["output_ids"], "the same tokens by its own choice")
    planned = chosen["report"]["peak"]["host"]["planned"]
    check(planned <= LIMIT, f"planned {planned} of {LIMIT} bytes by its own choice")


with tempfile.TemporaryDirectory(prefix="strata-", dir=pathlib.Path(PROGRAM).parent) as parent:
    dense = str(pathlib.Path(parent, "dense"))
    subprocess.run([PROGRAM, "import", MODEL, "--output", dense], check=True)
    for limited in (lambda: memory_group(1), lambda: memory_group(2), data_limit):
        try:
            prove(limited(), dense)
            break
        except OSError as error:
            print(f"no such limit here: {error}")
    else:
        raise SystemExit("no way to limit memory")

for limit in (200 << 20, 400 << 20, 700 << 20):
    refused(command("--offload", "device"),
            lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
