"""A run from disk ends well in a memory cgroup smaller than the weights' run form, where the
resident run is killed. Needs root for a cgroup of version 1 or 2, else RLIMIT_DATA is the limit."""

import contextlib
import os
import pathlib
import resource
import subprocess
import tempfile

from program import BUDGET, check, command, result, streamed

LIMIT = 480 << 20


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


def prove(limited):
    with limited as enter:
        out = result(streamed("nvme"), preexec_fn=enter)
        killed = subprocess.run(command("--offload", "device"), preexec_fn=enter,
                                capture_output=True, text=True)
    run_bytes = out["report"]["weights"]["run_bytes"]
    check(LIMIT < run_bytes and BUDGET < run_bytes, f"{LIMIT} bytes for weights of {run_bytes}")
    check(killed.returncode != 0, f"the resident run ended with {killed.returncode}")


for limited in (lambda: memory_group(1), lambda: memory_group(2), data_limit):
    try:
        prove(limited())
        break
    except OSError as error:
        print(f"no such limit here: {error}")
else:
    raise SystemExit("no way to limit memory")
