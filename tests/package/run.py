"""Installs a build into an empty prefix and makes plugins from that alone, outside of the tree.

usage: run.py BUILD_DIR [--python PYTHON] PLUGIN_DIR...

Each PLUGIN_DIR is copied away from the tree and configured with CMAKE_PREFIX_PATH at the prefix; as
root this happens in a chroot that holds the system, the prefix and the copy. The plugins must export
one symbol, need nothing but the system's libraries, and have a manifest with their hash and the
model types that they describe; where BUILD_DIR holds the program, `strata plugins check` must pass
on each. With PYTHON, which has transformers, the installed program generates with each family that
was made, from each tier, and with each codec and attention backend, by its name.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

NEEDED = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
TREE = pathlib.Path(__file__).resolve().parents[2]


def run(*words, allowed=(0,)):
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode not in allowed:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}")
    return done.stdout


# The mounts are in a namespace of their own and end with it. A chroot whose / is no mount cannot be
# cut off as a whole: there all that follows is below a mount that is.
ENTER = """
root=$1 place=$2
shift 2
mount --make-rprivate / 2> /dev/null || true
mount -t tmpfs none "$root"
mount --make-private "$root"
for folder in /usr /etc; do
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
  mount -o remount,bind,ro "$root$folder"
done
for link in /bin /sbin /lib /lib64; do [ -e "$root$link" ] || cp -a "$link" "$root$link"; done
for folder in /proc /dev "$place"; do
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
mkdir -p "$root/tmp"
exec chroot "$root" /usr/bin/env -i HOME=/tmp PATH=/usr/bin:/bin "$@"
"""


def enclosed(place, *words):
    """Runs in a chroot of the system and `place`, if this user may make one."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return run(*words)
    root = place.parent / (place.name + "-root")
    root.mkdir(exist_ok=True)
    enter = ["unshare", "--mount", "--propagation", "unchanged", "bash", "-euc", ENTER, "enter", root,
             place]
    shown = run(*enter, "ls", TREE, allowed=(0, 2))
    expect("No such file" in shown, f"the chroot shows the tree: {shown}")
    return run(*enter, *words)


def exported(library):
    return [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()]


def needed(library):
    lines = [line for line in run("readelf", "-d", library).splitlines() if "(NEEDED)" in line]
    return {line.split("[")[1].rstrip("]") for line in lines}


def expect(holds, words):
    if not holds:
        sys.exit(f"error: package: {words}")


def check(library, program, place):
    expect(exported(library) == ["strata_plugin_v1"], f"{library} exports {exported(library)}")
    expect(needed(library) <= NEEDED, f"{library} needs {needed(library) - NEEDED}")
    manifest = json.loads(library.with_suffix(".json").read_text())
    expect(manifest["library"] == library.name, f"{library}: manifest names {manifest['library']}")
    expect(manifest["sha256"] == hashlib.sha256(library.read_bytes()).hexdigest(),
           f"{library}: the manifest's hash is of another file")
    if program.exists():
        # LibTorch, which the rules of attention need, is not in the chroot.
        where = [] if "attention" in library.name else [place]
        print((enclosed if where else run)(*where, program, "plugins", "check", library))


def build(source, place):
    folder = place / source.name
    shutil.copytree(source, folder / "source")
    enclosed(place, "cmake", "-G", "Ninja", "-S", folder / "source", "-B", folder / "build",
             "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={place / 'prefix'}",
             "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror",
             "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
    enclosed(place, "cmake", "--build", folder / "build")
    commands = (folder / "build" / "build.ninja").read_text()
    expect(str(TREE) not in commands, f"{source} is built with files of {TREE}")
    libraries = sorted((folder / "build" / "lib" / "strata").glob("strata-*.so"))
    expect(libraries, f"{source} made no plugin")
    for library in libraries:
        check(library, place / "prefix" / "bin" / "strata", place)
        print(f"{library.name}: one symbol, needs {', '.join(sorted(needed(library)))}")
    manifests = [json.loads(library.with_suffix(".json").read_text()) for library in libraries]
    keys = {key for manifest in manifests for key in manifest.get("keys", [])}
    described = {file.stem for file in source.glob("*/descriptions/*.toml")}
    expect(described <= keys, f"{source} describes {described - keys}, which no manifest has")
    return libraries


def from_templates(place):
    """`plugins new` of every kind in both languages, built as one project, each checked.

    Each is chosen by its keys, though its template is chosen only by name, and its manifest has the
    hash of its library after a stripped installation too.
    """
    program, folder = place / "prefix" / "bin" / "strata", place / "new"
    folder.mkdir()
    names = []
    for kind in ("model", "attention", "offload", "quant"):
        for lang in ("c", "c++"):
            names.append(f"{kind}-{'c' if lang == 'c' else 'cpp'}.1")
            said = run(program, "plugins", "new", kind, names[-1], "--lang", lang, "--vendor", 'Y"ou',
                       "--output", folder / names[-1])
            library = folder / names[-1] / f"build/lib/strata/strata-{kind}-{names[-1]}.so"
            expect(f"strata plugins check {library}" in said, f"plugins new says {said!r}")
    lines = [f"add_subdirectory({name})" for name in names]
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(all)\n" + "\n".join(lines))
    for library in build_folder(folder, place, len(names)):
        kind, name = library.stem.split("-", 2)[1:]
        template = json.loads((place / f"prefix/lib/strata/strata-{kind}-null.json").read_text())
        manifest = json.loads(library.with_suffix(".json").read_text())
        expect(template.get("only_by_name"), f"{kind}: null is not chosen only by name")
        expect(manifest["keys"] == [name] and not {"only_by_name", "needs"} & manifest.keys(),
               f"{library} is not chosen by its key: {manifest}")
        if kind == "model":
            serves(program, library, name, folder)
    enclosed(place, "cmake", "--install", folder / "build", "--prefix", place / "stripped", "--strip")
    for library in (place / "stripped").rglob("strata-*.so"):
        check(library, program, place)


def serves(program, library, model_type, folder):
    """The family makes a model of its own model_type."""
    config, made = folder / f"{model_type}.json", folder / f"{model_type}.made"
    config.write_text(json.dumps({"model_type": model_type, "vocab_size": 7, "hidden_size": 4}))
    run(program, "import", "--plugin", library, "--model", config, "--init-seed", 1, "--output", made)
    expect((made / "model.safetensors").exists(), f"{library} made no model")


def guide_blocks():
    """The walk of docs/plugins.md, letter by letter, by the language of its blocks."""
    text = (TREE / "docs" / "plugins.md").read_text()
    return {language: re.search(rf"```{language}\n(.*?)```", text, re.S).group(1)
            for language in ("cmake", "cpp", "json", "toml")}


def from_guide(place):
    blocks, folder = guide_blocks(), place / "guide"
    (folder / "mine").mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(blocks["cmake"])
    (folder / "mine" / "mine.cpp").write_text(blocks["cpp"])
    (folder / "mine" / "manifest.json").write_text(blocks["json"])
    (folder / "mine" / "conformance.toml").write_text(blocks["toml"])
    build_folder(folder, place, 1)


def build_folder(folder, place, count):
    made = folder / "build"
    enclosed(place, "cmake", "-G", "Ninja", "-S", folder, "-B", made,
             f"-DCMAKE_PREFIX_PATH={place / 'prefix'}")
    enclosed(place, "cmake", "--build", made)
    libraries = sorted(made.rglob("strata-*.so"))
    expect(len(libraries) == count, f"{folder} made {libraries}")
    for library in libraries:
        check(library, place / "prefix" / "bin" / "strata", place)
    return libraries


def embedded(place, model):
    """examples/embed, built from the installation alone; it answers as the program does."""
    folder, question = place / "embed", "What is the capital of France?"
    shutil.copytree(TREE / "examples" / "embed", folder / "source")
    enclosed(place, "cmake", "-G", "Ninja", "-S", folder / "source", "-B", folder / "build",
             f"-DCMAKE_PREFIX_PATH={place / 'prefix'}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
    enclosed(place, "cmake", "--build", folder / "build")
    program = folder / "build" / "embed"
    if not model:
        return
    expect("no such" in run(program, "nowhere", question, allowed=(1,)), "a missing model is no error")
    said = run(place / "prefix" / "bin" / "strata", "generate", model, "--chat", "-p", question,
               "-n", 48, "--device-memory", "256MiB")
    made = run(program, model, question)
    expect("Paris" in said and made.startswith(said), f"embed says {made!r}, strata {said!r}")


def installed(place, build_dir):
    """The files that an author finds in the component sdk."""
    prefix = place / "sdk"
    run("cmake", "--install", build_dir, "--prefix", prefix, "--component", "sdk")
    for name in ("include/strata/model.hpp", "libexec/strata/conformance-offload",
                 "share/strata/templates/quant/null.c"):
        expect((prefix / name).exists(), f"the component sdk has no {name}")
    for name in ("LICENSE", "plugins.md", "strata.pc"):
        expect(list(prefix.rglob(name)), f"the component sdk has no {name}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build_dir", type=pathlib.Path)
    parser.add_argument("--python")
    parser.add_argument("--model", help="a model for the program that embeds Strata")
    parser.add_argument("sources", type=pathlib.Path, nargs="+")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strata-package-") as temporary:
        place = pathlib.Path(temporary) / "place"
        place.mkdir()
        run("cmake", "--install", given.build_dir, "--prefix", place / "prefix")
        made = [library for source in given.sources for library in build(source, place)]
        installed(place, given.build_dir)
        embedded(place, given.model)
        from_guide(place)
        from_templates(place)
        if not given.python:
            return
        for one in made:
            if one.name.startswith(("strata-quant-", "strata-attention-")):
                print(run(given.python, pathlib.Path(__file__).with_name("uses.py"),
                          place / "prefix" / "bin" / "strata", one))
        families = [one for one in made if one.name.startswith("strata-model-")]
        tiers = [one for one in made if one.name.startswith("strata-offload-")]
        for family in families:
            for tier in tiers:
                print(run(given.python, pathlib.Path(__file__).with_name("generate.py"),
                          place / "prefix" / "bin" / "strata", family, tier))


main()
