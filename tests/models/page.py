"""docs/tested-models.md: what is said of all tables, and one table a family."""

import pathlib
import re

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs/tested-models.md"

HEAD = ["configuration", "stored as", "files", "counts", "flipped bit seen in", "held", "streamed"]

TOP = """# Tested models

Each row is a tiny model with random weights, made by `transformers` when the test runs. Each cell
says what was compared with `transformers` in float32 there, and which attention plugin computed it:

- `logits`: of a prompt of 48 tokens; no logit is further off than 2e-4 of the largest;
- `one`: the greedy tokens of one prompt;
- `batch`: the greedy tokens of three prompts of different lengths at once, each as if it were alone.

`counts`: with another value of these keys the reference's own logits differ by more than 100 times
that tolerance. `flipped bit seen in`: with an exponent bit of one number of that weight flipped in
the file, the comparison of logits fails. `held`: all weights lie on the device, with `device` or with
that tier and room for all; `imported` is the folder that `strata import` made of GGUF, computed by
`transformers`. `streamed`: they come from that tier through a device memory of a third of the weights,
or of the least that is accepted.

This page is written by `tests/models/family_test.py PROGRAM FOLDER FAMILY --update` from the test's
results.
"""


def section(family, table):
    rows = [HEAD, ["---"] * len(HEAD), *table]
    return f"\n## {family}\n\n" + "".join("| " + " | ".join(row) + " |\n" for row in rows)


def replaced(page, family, made):
    """The page with this section in place of the family's, the families in their order."""
    sections = {part.split("\n")[1][3:]: part for part in re.split(r"(?=\n## )", page)[1:]}
    sections[family] = made
    return TOP + "".join(sections[name] for name in sorted(sections))
