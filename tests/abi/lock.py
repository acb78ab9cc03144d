"""The lock on the released ABI: abi.lock lists its structs, fields, enums and constants, in order.

usage: lock.py check    headers may only add to what abi.lock lists; exit status 1 otherwise
       lock.py write    makes abi.lock from the headers: part of a release
       lock.py asserts  prints a C file that asserts abi.lock's sizes, offsets and values

A struct that begins with strata_hdr may get fields at its end, an enum values at its end; anything
added raises STRATA_ABI_MINOR. A struct without strata_hdr is frozen. Drafts are not locked.
"""

import pathlib
import re
import sys

import headers

LOCK = pathlib.Path(__file__).with_name("abi.lock")
MINOR = "STRATA_ABI_MINOR"


def describe():
    """{block: [line]}: `struct name`, `enum first constant` or `constants`, and what it holds."""
    structs, enums = headers.structs(headers.RELEASED), headers.enums(headers.RELEASED)
    macros = headers.macros(headers.RELEASED)
    asked = macros + [name for enum in enums for name in enum]
    for struct, fields in structs:
        asked += [f(struct, field) for field, _ in fields for f in (offset_of, size_of)]
    value = dict(zip(asked, headers.values(headers.RELEASED, asked)))
    blocks = {"constants": [f"{name} = {value[name]}" for name in macros]}
    for enum in enums:
        blocks[f"enum {enum[0]}"] = [f"{name} = {value[name]}" for name in enum]
    for struct, fields in structs:
        blocks[f"struct {struct}"] = [
            f"{field} @{value[offset_of(struct, field)]} +{value[size_of(struct, field)]} : {kind}"
            for field, kind in fields]
    return blocks


def offset_of(struct, field):
    return f"offsetof({struct}, {field})"


def size_of(struct, field):
    return f"sizeof((({struct}*)0)->{field})"


def read_lock():
    blocks = {}
    for line in LOCK.read_text().splitlines():
        if line.startswith("  "):
            blocks[name].append(line.strip())
        elif line and not line.startswith("#"):
            name = line
            blocks[name] = []
    return blocks


def write_lock(blocks):
    text = "# The released ABI: field @offset +bytes : type. Made by lock.py write; see there.\n"
    for name, lines in blocks.items():
        text += name + "\n" + "".join(f"  {line}\n" for line in lines)
    LOCK.write_text(text)


def grows(name, lines):
    return name.startswith("enum") or any(line.endswith(": strata_hdr") for line in lines[:1])


def breaches(locked, now):
    """The parts of the lock that no longer hold, one line each."""
    added = [name for name in now if name not in locked]
    for name, lines in locked.items():
        if name not in now:
            yield f"{name}: is gone"
        elif name == "constants":
            for line in lines:
                if not line.startswith(MINOR) and line not in now[name]:
                    yield f"{line}: has changed"
        else:
            for position, line in enumerate(lines):
                here = now[name][position] if position < len(now[name]) else "nothing"
                if here != line:
                    yield f"{name}: '{line}' was there; now '{here}'"
            if len(now[name]) > len(lines):
                added.append(name)
                if not grows(name, lines):
                    yield f"{name}: has no strata_hdr and may not grow"
    if added and minor(now) <= minor(locked):
        yield f"{', '.join(added)}: added without raising {MINOR}"


def minor(blocks):
    return next(int(line.split("=")[1]) for line in blocks["constants"] if line.startswith(MINOR))


def asserts(locked):
    yield headers.include_lines(headers.RELEASED).rstrip()
    yield "#ifndef __cplusplus\n#define static_assert _Static_assert\n#endif"
    for name, lines in locked.items():
        for line in lines:
            if name.startswith("struct"):
                field, at, size = re.match(r"(\w+) @(\d+) \+(\d+)", line).groups()
                struct = name.split()[1]
                yield f'static_assert({offset_of(struct, field)} == {at}, "{struct}.{field}");'
                yield f'static_assert({size_of(struct, field)} == {size}, "{struct}.{field}");'
            elif not line.startswith(MINOR):
                constant, value = line.split(" = ")
                yield f'static_assert({constant} == {value}ull, "{constant}");'
        if name.startswith("struct") and not grows(name, lines):
            yield f'static_assert(sizeof({struct}) == {int(at) + int(size)}, "{struct}");'


def main():
    what = sys.argv[1] if len(sys.argv) == 2 else ""
    if what == "write":
        write_lock(describe())
    elif what == "asserts":
        print(*asserts(read_lock()), sep="\n")
    elif what == "check":
        found = list(breaches(read_lock(), describe()))
        sys.exit("\n".join(found) or None)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
