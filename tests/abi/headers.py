"""The declarations of the ABI headers, as clang reads them: structs with their fields, enums, constants."""

import json
import pathlib
import re
import subprocess
import tempfile

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "sdk" / "include"
RELEASED = ["core", "ops", "model", "offload"]
DRAFTS = ["draft/attention", "draft/quant"]


def include_lines(headers):
    return "".join(f"#include <strata/abi/{name}.h>\n" for name in headers)


def syntax_tree(headers):
    done = subprocess.run(
        ["clang-14", "-x", "c", "-std=c11", f"-I{INCLUDE}", "-fsyntax-only", "-Xclang",
         "-ast-dump=json", "-"],
        input=include_lines(headers), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)["inner"]


def structs(headers):
    """[(struct, [(field, type)])] in the order of the headers; what is only named is left out."""
    found = []
    for node in syntax_tree(headers):
        if node["kind"] == "RecordDecl" and node.get("completeDefinition") and \
                node.get("name", "").startswith("strata_"):
            found.append((node["name"], [(f["name"], f["type"]["qualType"])
                                         for f in node.get("inner", []) if f["kind"] == "FieldDecl"]))
    return found


def enums(headers):
    """[[constant]] in the order of the headers."""
    found = []
    for node in syntax_tree(headers):
        names = [c["name"] for c in node.get("inner", []) if c["kind"] == "EnumConstantDecl"]
        if node["kind"] == "EnumDecl" and names and names[0].startswith("STRATA_"):
            found.append(names)
    return found


def macros(headers):
    """Names of the STRATA_ macros that are numbers."""
    done = subprocess.run(["clang-14", "-x", "c", f"-I{INCLUDE}", "-dM", "-E", "-"],
                          input=include_lines(headers), check=True, stdout=subprocess.PIPE, text=True)
    return sorted(re.findall(r"^#define (STRATA_\w+) (?:0x)?[0-9]", done.stdout, re.M))


def values(headers, expressions):
    """The value of each constant expression, from a program that prints them."""
    lines = "".join(f'  printf("%llu\\n", (unsigned long long)({e}));\n' for e in expressions)
    source = f"{include_lines(headers)}#include <stdio.h>\nint main(void) {{\n{lines}  return 0;\n}}\n"
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "values")
        subprocess.run(["clang-14", "-x", "c", "-std=c11", f"-I{INCLUDE}", "-", "-o", program],
                       input=source, check=True, text=True)
        printed = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [int(line) for line in printed.split()]
