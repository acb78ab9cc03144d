"""Installs a build into an empty prefix and makes plugins from that alone, outside of the tree.

usage: run.py BUILD_DIR PLUGIN_DIR...

Each PLUGIN_DIR is copied away from the tree and configured with CMAKE_PREFIX_PATH at the prefix. The
plugins must export one symbol, need nothing but the system's libraries, and have a manifest with
their hash; where BUILD_DIR holds the program, `strata plugins check` must pass on each.
"""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

NEEDED = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
TREE = pathlib.Path(__file__).resolve().parents[2]


def run(*words):
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}")
    return done.stdout


def exported(library):
    return [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()]


def needed(library):
    lines = [line for line in run("readelf", "-d", library).splitlines() if "(NEEDED)" in line]
    return {line.split("[")[1].rstrip("]") for line in lines}


def expect(holds, words):
    if not holds:
        sys.exit(f"error: package: {words}")


def check(library, program):
    expect(exported(library) == ["strata_plugin_v1"], f"{library} exports {exported(library)}")
    expect(needed(library) <= NEEDED, f"{library} needs {needed(library) - NEEDED}")
    manifest = json.loads(library.with_suffix(".json").read_text())
    expect(manifest["library"] == library.name, f"{library}: manifest names {manifest['library']}")
    expect(manifest["sha256"] == hashlib.sha256(library.read_bytes()).hexdigest(),
           f"{library}: the manifest's hash is of another file")
    if program.exists():
        print(run(program, "plugins", "check", library))


def build(source, prefix, folder, program):
    shutil.copytree(source, folder / "source")
    print(run("cmake", "-G", "Ninja", "-S", folder / "source", "-B", folder / "build",
              "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={prefix}"))
    print(run("cmake", "--build", folder / "build"))
    commands = (folder / "build" / "build.ninja").read_text()
    expect(str(TREE) not in commands, f"{source} is built with files of {TREE}")
    libraries = sorted((folder / "build" / "lib" / "strata").glob("strata-*.so"))
    expect(libraries, f"{source} made no plugin")
    for library in libraries:
        check(library, program)
        print(f"{library.name}: one symbol, needs {', '.join(sorted(needed(library)))}")


def main():
    build_dir, sources = pathlib.Path(sys.argv[1]), map(pathlib.Path, sys.argv[2:])
    with tempfile.TemporaryDirectory(prefix="strata-package-") as temporary:
        place = pathlib.Path(temporary)
        prefix = place / "prefix"
        run("cmake", "--install", build_dir, "--prefix", prefix)
        for source in sources:
            build(source, prefix, place / source.name, prefix / "bin" / "strata")


main()
