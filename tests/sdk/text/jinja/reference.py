"""Renders templates by transformers' environment of jinja2, and by the program of render_driver.cpp."""

import copy
import functools
import json
import subprocess

from transformers.utils import chat_template_utils

compiled = functools.lru_cache(32)(chat_template_utils._cached_compile_jinja_template)


def expected(template, variables):
    """The text, or None where the reference raises. A copy, since `list|indent` changes the list."""
    try:
        return compiled(template).render(**copy.deepcopy(variables))
    except Exception:
        return None


def rendered(driver, cases):
    """The driver's answer to each (template, variables)."""
    lines = "".join(json.dumps({"template": t, "variables": v}) + "\n" for t, v in cases)
    done = subprocess.run([driver], input=lines.encode(), stdout=subprocess.PIPE, timeout=300)
    assert done.returncode == 0, done.returncode
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(cases), (len(answers), len(cases))
    return answers
