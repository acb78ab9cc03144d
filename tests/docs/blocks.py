"""The fenced blocks and the commands in backticks of the tree's pages."""

import pathlib
import re
import textwrap
from typing import NamedTuple

TREE = pathlib.Path(__file__).resolve().parents[2]


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str


def pages():
    folders = (TREE, TREE / "docs", TREE / "examples", *sorted((TREE / "examples").glob("*/")))
    return sorted(str(page.relative_to(TREE)) for folder in folders for page in folder.glob("*.md"))


def blocks(page):
    out, begin, fence = [], None, re.compile(r"\s*```(\w*)\s*$")
    lines = (TREE / page).read_text().splitlines()
    for number, line in enumerate(lines):
        found = fence.match(line)
        if begin is None and found:
            begin, language = number, found[1]
        elif found:
            text = textwrap.dedent("\n".join(lines[begin + 1:number])) + "\n"
            out.append(Block(page, begin + 1, language, text))
            begin = None
    assert begin is None, f"{page}:{begin + 1}: a block that does not end"
    return out


def prose(page):
    """The page without its blocks."""
    return re.sub(r"(?ms)^\s*```.*?^\s*```\s*$", "", (TREE / page).read_text())


def spans(page):
    """The texts in backticks outside of blocks."""
    return re.findall(r"`([^`\n]+)`", prose(page))
