"""docs/families.md: what becomes of each of transformers' causal language models. Manifests,
descriptions, tested rows and the reasons of families_outside.py must cover them, each once.

usage: families_test.py [--update]
"""

import importlib
import json
import pathlib
import sys

from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

from families_outside import OUTSIDE, THEIRS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/families.md"
MODELS = ROOT / "plugins/models"

TOP = """# Model families

Every `model_type` that transformers 5.24 serves as a causal language model, and what serves it here:
a plugin of its own, or a description that the family `generic` reads (`docs/descriptions.md`).
`docs/tested-models.md` has what was compared of each. The rest remains outside, for the reason that
stands there.

`tests/models/families_test.py --update` writes this page from the manifests, the descriptions and
`tests/models/families_outside.py`; the test fails where one of transformers' families is missing.

| `model_type` | served by |
| --- | --- |
"""


def served():
    """Which plugin or description serves a model_type."""
    out = {}
    for file in MODELS.glob("*/manifest.json"):
        manifest = json.loads(file.read_text())
        out |= {key: f"plugin `{manifest['name']}`" for key in manifest.get("keys", [])}
    return out | {file.stem: f"a description, `{file.relative_to(ROOT)}`"
                  for file in MODELS.glob("*/descriptions/*.toml")}


def tested():
    rows = pathlib.Path(__file__).parent / "rows"
    return {row.config["model_type"] for file in rows.glob("*.py")
            for row in importlib.import_module(f"rows.{file.stem}").ROWS}


def wrong(by):
    """Lines about what does not fit together."""
    sets = {"served, but in no tested row": set(by) - tested(),
            "served and outside": set(by) & (set(OUTSIDE) | set(THEIRS)),
            "neither served nor outside": set(CAUSAL) - set(by) - set(OUTSIDE) - set(THEIRS),
            "outside, but none of transformers'": set(OUTSIDE) - set(CAUSAL)}
    return [f"{words}: {', '.join(sorted(names))}" for words, names in sets.items() if names]


def page(by):
    lines = {name: by[name] for name in by}
    lines |= {name: f"as `{other}`, which such checkpoints say" for name, other in THEIRS.items()}
    lines |= {name: f"outside: {reason}" for name, reason in OUTSIDE.items()}
    return TOP + "".join(f"| `{name}` | {lines[name]} |\n" for name in sorted(lines))


def main():
    by = served()
    failures = wrong(by)
    if sys.argv[1:] == ["--update"]:
        PAGE.write_text(page(by))
    elif not PAGE.exists() or PAGE.read_text() != page(by):
        failures.append(f"{PAGE.name} is not what there is: write it anew with --update")
    print(*failures, sep="\n")
    print(f"{len(CAUSAL)} families, {len(by)} served, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
