"""A rank that is killed or stopped ends all of them with one line that names it, and so does a rank with
another model, other options or an error of its own.

usage: lost_ranks_test.py STRATA
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import tiny
from ranked import children, free_port, is_alive, read_bytes, start, started

SECONDS = 60  # limit for an end, on a loaded machine
EARLY, LATE = 1 << 20, 200 << 20  # bytes that a rank has read: in its first pass, in decode


def wait_for(condition, process):
    while not condition():
        if process.poll() is not None:
            sys.exit(f"error: it ended before: {process.communicate()}")
        time.sleep(0.02)


def ended(process, status):
    out, words = process.communicate(timeout=SECONDS)
    tiny.expect(process.returncode == status, f"status {process.returncode}, not {status}\n{out}{words}")
    return [line for line in words.splitlines() if line.startswith("error: ")]


def below_parent(words, number, after, pattern):
    """A signal to rank 1 of --ranks 2 once it has read so many bytes."""
    parent = started([*words, "--ranks", 2])
    wait_for(lambda: read_bytes(children(parent.pid).get(1, 0)) > after, parent)
    ranks = children(parent.pid)
    os.kill(ranks[1], number)
    lines = ended(parent, 1)
    tiny.expect(len(lines) == 1 and re.fullmatch(pattern, lines[0]), f"{lines}, not {pattern}")
    tiny.expect(not any(map(is_alive, ranks.values())), f"ranks are left: {ranks}")
    print(lines[0])


def without_parent(words, number, pattern):
    """The same where nobody watches rank 0 but its group."""
    port = free_port()
    stays, goes = (start(words, rank, 2, port) for rank in range(2))
    wait_for(lambda: read_bytes(goes.pid) > LATE, goes)
    goes.send_signal(number)
    lines = ended(stays, 1)
    goes.kill()
    goes.communicate()
    tiny.expect(len(lines) == 1 and re.fullmatch(pattern, lines[0]), f"{lines}, not {pattern}")
    print(lines[0])


def interrupted(words):
    """Ctrl-C ends all and keeps the text so far; SIGTERM too."""
    for number in (signal.SIGINT, signal.SIGTERM):
        parent = started([*words, "--ranks", 2])
        wait_for(lambda: read_bytes(children(parent.pid).get(1, 0)) > LATE, parent)
        ranks = children(parent.pid)
        parent.send_signal(number)
        lines = ended(parent, 128 + number)
        tiny.expect(lines == [], f"lines after signal {number}: {lines}")
        tiny.expect(not any(map(is_alive, ranks.values())), f"ranks are left: {ranks}")


def different(words, others, status, pattern):
    """Rank 0 says what differs on rank 1, and both end with the status."""
    port = free_port()
    ranks = [start(own, rank, 2, port) for rank, own in enumerate((words, others))]
    lines = [ended(one, status) for one in ranks]
    tiny.expect(len(lines[0]) == 1 and re.fullmatch(pattern, lines[0][0]) and lines[1] == [],
                f"{lines}, not {pattern}")
    print(lines[0][0])


def refused(words, status, pattern, **environment):
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, timeout=SECONDS, env={**os.environ, **environment})
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    tiny.expect(done.returncode == status and len(lines) == 1 and re.fullmatch(pattern, lines[0]),
                f"{words}: status {done.returncode}\n{done.stderr}, not {pattern}")


def failing_alike(model, folder, short, common):
    """An error of all ranks is said once, without a rank, and so is that of what rank 0 reads for all; an error of one
    rank has its number."""
    of_none = r"(?!error: rank \d)error: "
    refused([*short, "--model", model, "--input-ids", "9999", "--ranks", "2"], 1, of_none + ".*9999.*")
    refused([*short, "--model", folder + "/none", "--ranks", "2"], 1, of_none + ".*none.*")
    refused([*short, "--model", model, "--offload", "none", "--ranks", "3"], 2, of_none + ".*none.*")
    refused([*short, "--model", model, "--ranks", "3", "--offload", "cpu", "--host-memory", "1KiB"], 1,
            of_none + "placement: .*")
    refused([*common, "--model", model, "--prompt-file", folder + "/none", "--ranks", "3"], 1, of_none + ".*none.*")
    port = free_port()
    both = [start([*short, "--model", folder + "/none"], rank, 2, port) for rank in range(2)]
    lines = [ended(one, 1) for one in both]
    tiny.expect(len(lines[0]) == 1 and re.fullmatch(of_none + ".*none.*", lines[0][0]) and lines[1] == [], f"{lines}")
    different([*short, "--model", model], [*short, "--model", folder + "/none"], 1, r"error: rank 1: .*none.*")


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory(dir=pathlib.Path(program).parent) as temporary:
        folder, other = pathlib.Path(temporary) / "model", pathlib.Path(temporary) / "other"
        tiny.save(folder, hidden_size=768, intermediate_size=2048, head_dim=64, num_attention_heads=12,
                  num_key_value_heads=6, vocab_size=3000, attention_bias=False, mlp_bias=False)
        tiny.save(other)
        tiny.save_tokenizer(other)
        common = [program, "generate", "--device", "cpu", "--threads", "1", "--ignore-eos"]
        long = [*common, "--model", folder, "--offload", "nvme", "--max-new-tokens", "100",
                "--input-ids", "1,2,3", "--input-ids", "4,5,6,7"]
        killed = r"error: rank 1: it was ended by SIGKILL: see whether memory ran out, and start all ranks again"
        stopped = r"error: rank 1: it was stopped and did not continue: start all ranks again"
        for after in (EARLY, LATE):
            below_parent(long, signal.SIGKILL, after, killed)
            below_parent(long, signal.SIGSTOP, after, stopped)
        for number in (signal.SIGKILL, signal.SIGSTOP):
            without_parent(long, number, r"error: rank 1: .+: look at what it said")
        interrupted(long)
        short = [*common, "--max-new-tokens", "2", "--input-ids", "1,2,3"]
        different([*short, "--model", folder], [*short, "--model", other], 1,
                  r"error: rank 1: \w+ of the configuration is '.*', on rank 0 it is '.*': "
                  "give all ranks the same program, plugins, model and data")
        different([*short, "--model", other], [*short, "--model", other, "--dtype", "bfloat16"], 2,
                  r"error: rank 1: --dtype is 'bfloat16', on rank 0 it is 'auto': "
                  "start all ranks with the same options")
        failing_alike(other, temporary, short, common)
        refused([*short, "--model", other, "--ranks", "3"], 2,
                r"error: --ranks: 3, but a launcher started 2: leave it out", RANK="0", WORLD_SIZE="2",
                MASTER_ADDR="127.0.0.1", MASTER_PORT="1")
        refused([*short, "--model", other], 2, r"error: RANK: it is not set, but WORLD_SIZE is: .*",
                WORLD_SIZE="2")
        refused([program, "plan", "--model", other], 2,
                r"error: plan: it plans for all ranks, but a launcher started 2 ranks: .*", RANK="0", WORLD_SIZE="2",
                MASTER_ADDR="127.0.0.1", MASTER_PORT="1")
        refused([program, "plan", "--model", other, "--ranks", "2", "--device", "cpu", "--offload", "cpu",
                 "--host-memory", "1KiB"], 1, r"error: placement: unit .* fits neither .*")
        refused([program, "chat", "--model", other], 2,
                r"error: chat: a conversation is one sequence, .* a launcher started 2 ranks: .*", RANK="0",
                WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="1")


main()
