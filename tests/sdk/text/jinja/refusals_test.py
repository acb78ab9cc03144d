"""A template that does what is not supported ends soon, in one error that names it and its line.

Usage: refusals_test.py DRIVER
"""

import sys
import time

from reference import rendered

SECONDS = 60  # for all of them, also on a busy machine
LOOPS = "".join(f"{{% for {c} in range(100000) %}}" for c in "abc")

# Template, and words of its error.
REFUSED = [
    ("\n{% include 'x' %}", "line 2: the statement 'include' is not supported"),
    ("{% import 'x' as y %}", "line 1: the statement 'import' is not supported"),
    ("{% block a %}{% endblock %}", "the statement 'block' is not supported"),
    ("{% for a in b recursive %}{% endfor %}", "a recursive loop is not supported"),
    ("a\n\n{{ x|batch(3) }}", "line 3: the filter 'batch' is not supported"),
    ("{{ x is escaped }}", "the test 'escaped' is not supported"),
    ("{{ 'a'.encode() }}", "'encode' of text is not supported"),
    ("{{ '%s' % 1 }}", "formatting a text by '%' is not supported"),
    ("{{ f(*x) }}", "arguments out of a list or a dict are not supported"),
    ("{{ cycler(1) }}", "the function 'cycler' is not supported"),
    ("{% break %}", "'break' stands in no loop"),
    ("{{ 'a", "a text does not end"),
    ("{{ a", "a tag does not end"),
    ("{# a", "a comment does not end"),
    ("{% raw %}", "a raw block does not end"),
    ("{% if a %}", "the template ends without 'elif'"),
    ("{{ (] }}", "']' closes nothing"),
    ("{{ ? }}", "'?' is not expected in a tag"),
    ("{{ é }}", "'é' is not expected in a tag"),
    ("{{ 99999999999999999999 }}", "the number '99999999999999999999' is too large"),
    ("{{ '\\ud800' }}", "an escape in a text is no character"),
    ("{{ raise_exception('stop\nhere') }}", "refuses this conversation: stop\\x0ahere"),
    ("{{ [].append(1) }}", "is undefined"),
    ("{{ nothing.at.all }}", "'nothing' is undefined"),
    ("{{ nothing() }}", "'nothing' is undefined"),
    ("{{ 1 / 0 }}", "a division by zero"),
    ("{{ 9223372036854775807 + 1 }}", "an integer of more than 64 bits is not supported"),
    ("{{ 2 ** 64 }}", "an integer of more than 64 bits is not supported"),
    ("{{ strftime_now('%9999999d') }}", "the format '%9999999d' is not supported"),
    ("{{ range(100001) }}", "'range' of more than 100000 numbers"),
    # Templates that never end, or take all memory.
    (LOOPS + "{% endfor %}" * 3, "too much text or takes too many steps"),
    (LOOPS + "x" + "{% endfor %}" * 3, "too much text or takes too many steps"),
    ("{{ 'a' * 1000000000000 }}", "too much text or takes too many steps"),
    ("{{ [1] * 1000000000000 }}", "too much text or takes too many steps"),
    ("{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
     "too much text or takes too many steps"),
    ("{% set n = namespace(x=[]) %}{% for i in range(999) %}{% set n.x = [n.x] %}{% endfor %}",
     "values are nested too deep"),
    ("{% set n = namespace(x=[]) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
     "too much text or takes too many steps"),
    ("{% set n = namespace(x=[]) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x|tojson }}",
     "too much text or takes too many steps"),
    ("{% set n = namespace(x=[]) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x == n.x[:] }}",
     None),
    ("{% set n = namespace() %}{% set n.n = n %}{{ n.n.n }}", "the text of a namespace is not supported"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "macros and blocks are nested too deep"),
    ("{% set n = namespace() %}{% for i in [1] %}{% macro f() %}{% endmacro %}{% set n.f = f %}{% endfor %}"
     "{{ n.f() }}", "macro 'f' is called outside of where it was made"),
    ("{{ " + "(" * 100000 + "1" + ")" * 100000 + " }}", "nested too deep"),
    ("{{ " + "-" * 100000 + "1 }}", "nested too deep"),
    ("{{ 1" + "+1" * 100000 + " }}", "nested too deep"),
    ("{{ x" + ".x" * 100000 + " }}", "nested too deep"),
    ("{% if x %}" * 100000, "nested too deep"),
    ("{{ " + "not " * 100000 + "x }}", "nested too deep"),
    ("x" * (1 << 20) + "y", "it is longer than 1 MiB"),
    ("{{ 'x'.replace('', 'y' * 1000000)|replace('y', 'z' * 1000000) }}", "too much text or takes too many steps"),
    ("{% set a = 'a' * 1000000 %}{% for i in range(9999) %}{% if a ~ 'b' in a %}{% endif %}{% endfor %}",
     "too much text or takes too many steps"),
]


def main(driver):
    begin = time.monotonic()
    answers = rendered(driver, [(template, {}) for template, _ in REFUSED])
    took = time.monotonic() - begin
    failures = 0
    for (template, words), answer in zip(REFUSED, answers, strict=True):
        line = answer.get("error", "")
        if (words is None) != (line == "") or (words or "") not in line:
            failures += 1
            print(f"{template[:100]!r}: {str(answer)[:300]}")
    print(f"{len(REFUSED)} templates in {took:.1f} s, {failures} failures")
    assert failures == 0 and took < SECONDS


if __name__ == "__main__":
    main(*sys.argv[1:])
