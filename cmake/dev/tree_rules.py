"""The rules that hold over the whole tree. Prints one line for each breach; exit status 1 if any."""

import pathlib
import re
import subprocess
import sys

import layers

KINDS = ("models", "attention", "offload", "quant")
TEXT = {".c", ".h", ".cpp", ".hpp", ".cu", ".cuh", ".py", ".sh", ".cmake", ".toml", ".md", ".txt", ""}
CODE = {".c", ".h", ".cpp", ".hpp", ".cu", ".cuh", ".py", ".sh", ".cmake", ""}
LONGEST = 400
# CTest takes such a test for two, or for an option, and counts it as skipped.
SPLIT = re.compile(r'TEST_CASE\(\s*"(?:-|[^"]*;)')
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def tracked():
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, stdout=subprocess.PIPE)
    names = {name for name in listing.stdout.decode().split("\0") if name}
    return sorted(path for path in map(pathlib.Path, names) if path.is_file())


def plugin_names():
    """Every folder of plugins/<kind>/ with a manifest, less the tiers whose names are also words of the runtime."""
    return sorted({folder.name for kind in KINDS for folder in pathlib.Path("plugins", kind).iterdir()
                   if (folder / "manifest.json").is_file()})


def allowed_names():
    """(file, text) pairs: `file | text | why` a line; `*` as the file stands for any. Longer texts
    come first, since a shorter one may be a part of them."""
    pairs = []
    for line in pathlib.Path("cmake/dev/foreign-names.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            file, text, why = (part.strip() for part in line.split("|", 2))
            if not why:
                sys.exit(f"cmake/dev/foreign-names.txt: {line!r} gives no reason")
            pairs.append((file, text))
    return sorted(pairs, key=lambda pair: -len(pair[1]))


def named_plugins(path, lines, names, allowed):
    # A name counts as a whole word or as a part of a snake_case word.
    pattern = re.compile(r"(?<![A-Za-z0-9])(" + "|".join(map(re.escape, names)) + r")(?![A-Za-z0-9])")
    for number, line in enumerate(lines, 1):
        for text in (text for file, text in allowed if file in ("*", str(path))):
            line = line.replace(text, "x" * len(text))
        for found in pattern.finditer(line):
            yield f"{path}:{number}: names the plugin '{found[1]}'"


def breaches():
    names, allowed, known = plugin_names(), allowed_names(), layers.heights()
    for path in tracked():
        if path.suffix not in TEXT or path.name == "LICENSE":
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if path.suffix in CODE and len(lines) > LONGEST:
            yield f"{path}: {len(lines)} lines; split it at {LONGEST}"
        for number, line in enumerate(lines, 1):
            if LATER.search(line):
                yield f"{path}:{number}: left for later"
            if SPLIT.search(line):
                yield f"{path}:{number}: a test's name begins with '-' or has a ';'"
        if names and path.parts[0] in ("sdk", "host"):
            yield from named_plugins(path, lines, names, allowed)
        if path.parts[0] in ("sdk", "host") and path.suffix in (".cpp", ".hpp", ".cu", ".cuh"):
            yield from layers.upward_includes(path, lines, known)


found = list(breaches())
print(*found, sep="\n", end="\n" if found else "")
sys.exit(1 if found else 0)
