"""Processes of ranks: started one by one as a launcher does, and found below their parent."""

import os
import pathlib
import socket
import subprocess

import tiny

CUT = ("--set", "run.whole_below=0")  # ranks cut also units as small as those of the tests


def generate(program, model, prompts, tokens, *more):
    """The words that generate so many tokens behind prompts of ids."""
    words = [program, "generate", "--model", model, "--device", "cpu", "--threads", "1", "--json",
             "--max-new-tokens", tokens, "--ignore-eos", *more]
    for prompt in prompts:
        words += ["--input-ids", tiny.ids(prompt)]
    return words


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(words, rank, ranks, port):
    """One rank without a parent that watches it."""
    place = {"RANK": str(rank), "WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return started(words, {**os.environ, **place})


def started(words, environment=None):
    return subprocess.Popen(list(map(str, words)), env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def children(parent):
    """The processes of its ranks, by rank."""
    out = {}
    try:
        for process in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            for variable in pathlib.Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
                if variable.startswith(b"RANK="):
                    out[int(variable[5:])] = int(process)
    except OSError:
        pass  # it has just ended
    return out


def read_bytes(process):
    """The bytes that the disk read for the process; 0 where it is gone."""
    try:
        for line in pathlib.Path(f"/proc/{process}/io").read_text().splitlines():
            if line.startswith("read_bytes:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def is_alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
