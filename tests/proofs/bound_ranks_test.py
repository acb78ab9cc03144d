"""Ranks that are bound to cores: each has cores of its own among those that the test may use, and they have the
tokens of ranks that are not bound.

usage: bound_ranks_test.py STRATA
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import tiny
from ranked import CUT, children

SECONDS = 240  # limit for the ranks, on a loaded machine


def numbers(text):
    """The numbers of a list such as "0,2-4"."""
    out = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        out |= set(range(int(first), int(last or first) + 1))
    return out


def status(task):
    """The CPUs that the system allows a thread."""
    for line in (task / "status").read_text().splitlines():
        if line.startswith("Cpus_allowed_list:"):
            return numbers(line.split(":")[1])
    raise AssertionError(f"{task} has no Cpus_allowed_list")


def cores(allowed):
    """The hardware threads of each core among the allowed ones, as the system's files say them."""
    out = set()
    for cpu in allowed:
        file = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        out.add(frozenset(numbers(file.read_text()) & allowed if file.exists() else {cpu}))
    return out


def bound(words, text, ranks):
    """The CPUs of each rank, which waits for its prompts meanwhile, and what they make of the text."""
    parent = subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + SECONDS
        found = {}
        allowed = os.sched_getaffinity(0)
        while time.monotonic() < end and parent.poll() is None:
            try:
                found = {rank: status(pathlib.Path(f"/proc/{process}"))
                         for rank, process in children(parent.pid).items()}
            except OSError:
                continue  # one has just ended
            if len(found) == ranks and all(cpus < allowed for cpus in found.values()):
                break
            time.sleep(0.02)
        out, error = parent.communicate(text, timeout=SECONDS)
    finally:
        parent.kill()
    tiny.expect(parent.returncode == 0, f"{words}: status {parent.returncode}\n{out}{error}")
    return found, json.loads(out), error


def check_two(words, text, expected):
    """Two ranks split the cores."""
    found, out, error = bound([*words, "--ranks", 2, "--bind-cores-to-rank", "-v"], text, 2)
    tiny.expect(out["output_ids"] == expected, f"bound: {out['output_ids']}, not {expected}")
    allowed = os.sched_getaffinity(0)
    tiny.expect(sorted(found) == [0, 1] and not found[0] & found[1], f"CPUs of the ranks: {found}")
    each = len(cores(allowed)) // 2
    for rank, cpus in found.items():
        tiny.expect(cpus <= allowed and len(cores(cpus)) == each and cores(cpus) <= cores(allowed),
                    f"rank {rank} has {cpus} of {allowed}, not {each} whole cores")
        report = out["report"]["ranks"][rank]["cores"]
        tiny.expect((report["count"], numbers(report["cpus"]), report["alone"]) == (each, cpus, True),
                    f"rank {rank}: {report}, not {cpus}")
        tiny.expect(f"bound to {each} core" in error, f"no line says it: {error}")


def ran(words, text):
    return subprocess.run(list(map(str, words)), input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=SECONDS)


def check_few(words, text, expected):
    """More ranks than cores share them, and one line says so."""
    cpu = min(os.sched_getaffinity(0))
    done = ran(["taskset", "-c", cpu, *words, "--ranks", 2, "--bind-cores-to-rank"], text)
    tiny.expect(done.returncode == 0, f"one CPU: status {done.returncode}\n{done.stderr}")
    out = json.loads(done.stdout)
    tiny.expect(out["output_ids"] == expected, f"one CPU: {out['output_ids']}, not {expected}")
    tiny.expect(done.stderr.count("2 ranks have 1 core on this machine") == 1, f"one CPU: {done.stderr}")
    report = out["report"]["ranks"][1]["cores"]
    tiny.expect((report["count"], report["alone"]) == (1, False), f"one CPU: {report}")


def check_list(words, text, expected):
    """One process has the cores of a list, in DeepSpeed's spelling; a list that is none is refused."""
    cpu = max(os.sched_getaffinity(0))
    done = ran([*words, "--bind_cores_to_rank", "--bind_core_list", cpu], text)
    tiny.expect(done.returncode == 0, f"list: status {done.returncode}\n{done.stderr}")
    out = json.loads(done.stdout)
    tiny.expect(out["output_ids"] == expected, f"list: {out['output_ids']}, not {expected}")
    tiny.expect(out["report"]["cores"]["cpus"] == str(cpu), f"list: {out['report']['cores']}")
    for more, line in ((["--bind-core-list", "0"], "give --bind-cores-to-rank, too"),
                       (["--bind-cores-to-rank", "--bind-core-list", "0-"], "is no list of CPUs"),
                       (["--bind-cores-to-rank", "--bind-core-list", "65535"], "may not run on CPUs 65535")):
        done = ran([*words, *more], text)
        tiny.expect(done.returncode == 2 and line in done.stderr, f"{more}: {done.returncode} {done.stderr}")


def main():
    program, = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=pathlib.Path(program).parent) as temporary:
        folder = pathlib.Path(temporary)
        model = tiny.save(folder)
        tiny.save_tokenizer(folder)
        words = [program, "generate", "--model", folder, "--device", "cpu", "--offload", "cpu", "--prompt-file", "-",
                 "--json", "--max-new-tokens", "6", "--ignore-eos", *CUT]
        prompts = [tiny.prompt(length, 509, seed=length) for length in (5, 3)]
        text = "".join(" ".join(f"w{token}" for token in prompt) + "\n" for prompt in prompts)
        expected = [tiny.greedy(model, prompt, 6) for prompt in prompts]
        if len(cores(os.sched_getaffinity(0))) >= 2:
            check_two(words, text, expected)
        check_few(words, text, expected)
        check_list(words, text, expected)


main()
