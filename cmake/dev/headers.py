"""usage: headers.py compile_commands.json FILE...: each C++ header among the files compiles alone.

A header is compiled with the flags of a source in its folder, or in the nearest parent folder that has
one; a folder whose sources are not built is skipped.
"""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys


def flags_by_folder(database):
    flags = {}
    for entry in json.loads(pathlib.Path(database).read_text()):
        words = shlex.split(entry["command"])
        keep = [w for i, w in enumerate(words)
                if w.startswith(("-I", "-D", "-std", "-W", "-f")) or words[i - 1] == "-isystem"
                or w == "-isystem"]
        keep = [w for w in keep if not w.startswith(("-Winvalid-pch", "-Wl,"))]
        flags.setdefault(pathlib.Path(entry["file"]).parent, keep)
    return flags


def flags_for(header, flags):
    for folder in header.resolve().parents:
        if folder in flags:
            return flags[folder]
        below = [f for f in flags if folder in f.parents]
        if below and folder != pathlib.Path.cwd():
            return flags[min(below)]
    return None


def compile_alone(header, flags):
    done = subprocess.run(
        ["g++", "-x", "c++", "-fsyntax-only", *flags, "-include", str(header.resolve()), os.devnull],
        stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


def main():
    flags = flags_by_folder(sys.argv[1])
    headers = [pathlib.Path(name) for name in sys.argv[2:] if name.endswith(".hpp")]
    jobs = {h: flags_for(h, flags) for h in headers}
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: compile_alone(*job), [j for j in jobs.items() if j[1]])
        for code, words in results:
            failed |= code
            sys.stderr.write(words)
    sys.exit(1 if failed else 0)


main()
