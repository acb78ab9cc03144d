"""Which folder may include which: cmake/dev/layers.txt, the lowest layer first."""

import pathlib
import re

LAYERS = pathlib.Path("cmake/dev/layers.txt")
INCLUDE = re.compile(r'^\s*#\s*include\s+"((?:core|text|data|torch|host)/[^"]+)"')


def heights():
    """Each folder's layer, from 0."""
    lines = (line.strip() for line in LAYERS.read_text().splitlines())
    folders = (line for line in lines if line and not line.startswith("#"))
    return {folder: height for height, folder in enumerate(folders)}


def upward_includes(path, lines, known):
    """The lines of a source under sdk/ or host/ that include a header of a layer above its own."""
    folder = str(path.parent)
    if folder.startswith("sdk/include"):
        folder = "sdk/include"
    if folder not in known:
        yield f"{path}: the folder has no line in {LAYERS}"
        return
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        header = found[1] if found[1].startswith("host/") else "sdk/" + found[1]
        above = str(pathlib.PurePath(header).parent)
        if above not in known:
            yield f"{path}:{number}: {above} has no line in {LAYERS}"
        elif known[above] > known[folder]:
            yield f"{path}:{number}: includes {found[1]} of the higher layer {above}"
