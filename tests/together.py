"""Runs test scripts that load transformers, in forks of one process that has loaded it, one on each core.

Usage: together.py NAME SCRIPT [ARGUMENT...] [-- NAME SCRIPT [ARGUMENT...]]...
A script runs as it does alone: `python SCRIPT ARGUMENT...` is how to run one by hand. It fails by its exit
status, or when it takes longer than SECONDS. The output of each that failed is printed at the end, with its name.
"""

import atexit
import os
import pathlib
import runpy
import signal
import sys
import tempfile
import time
import traceback

import workers

SECONDS = 600


def tests(words):
    """(name, script, arguments) of each."""
    out = [[]]
    for word in words:
        if word == "--":
            out.append([])
        else:
            out[-1].append(word)
    return [(name, script, arguments) for name, script, *arguments in out]


def run(script, arguments):
    """Runs the script as the process' own program; its exit status."""
    sys.argv = [script, *arguments]
    sys.path[0] = str(pathlib.Path(script).parent)
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def begin(script, arguments, output):
    """The id of a process that runs the script."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        for number in (1, 2):
            os.dup2(output.fileno(), number)
        status = run(script, arguments)
        atexit._run_exitfuncs()  # removes temporary folders
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return child


def main():
    waiting, running, failed = tests(sys.argv[1:])[::-1], {}, []
    workers.load_transformers()
    while waiting or running:
        while waiting and len(running) < len(os.sched_getaffinity(0)):
            name, script, arguments = waiting.pop()
            output = tempfile.TemporaryFile("w+", errors="replace")
            running[begin(script, arguments, output)] = name, output, time.monotonic()
        child, status = os.wait()
        name, output, start = running.pop(child)
        ended = os.waitstatus_to_exitcode(status)
        print(f"{name}: {f'status {ended}' if ended else 'passed'}, {time.monotonic() - start:.1f} s", flush=True)
        output.seek(0)
        if ended:
            failed.append((name, output.read()))
        output.close()
    for name, said in failed:
        print(f"\n{said}\n{name}: FAILED")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
