"""usage: compile.py alone|padding|layout|dlpack: compiles the ABI headers with gcc and clang.

  alone    each header by itself, as C11, C++17 and C++20
  padding  the size of every struct, drafts too: no struct has a hole that a new field could hide in
  layout   every offset, size and value that abi.lock lists
  dlpack   strata_view against the real DLTensor
"""

import pathlib
import subprocess
import sys

import headers
import lock

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
COMPILERS = [("gcc", ["-x", "c"]), ("clang-14", ["-x", "c"]), ("g++", ["-x", "c++"]),
             ("clang++-14", ["-x", "c++"])]


def standards(compiler):
    return ["c++17", "c++20"] if "++" in compiler else ["c11"]


def compile_everywhere(what, source, flags=()):
    """Whether every compiler and standard accepts the source without a warning."""
    good = True
    for compiler, language in COMPILERS:
        for standard in standards(compiler):
            done = subprocess.run(
                [compiler, *language, f"-std={standard}", f"-I{headers.INCLUDE}", *STRICT, *flags,
                 "-c", "-o", "/dev/null", "-"], input=source, text=True, stderr=subprocess.PIPE)
            if done.returncode:
                print(f"{what}: {compiler} -std={standard}\n{done.stderr}")
                good = False
    return good


def sizes(names):
    lines = "".join(f"unsigned long size_of_{name}(void);\n"
                    f"unsigned long size_of_{name}(void) {{ return sizeof({name}); }}\n"
                    for name, _ in headers.structs(names))
    return headers.include_lines(names) + lines


def main():
    every = headers.RELEASED + headers.DRAFTS
    what = sys.argv[1] if len(sys.argv) == 2 else ""
    if what == "alone":
        good = all([compile_everywhere(name, headers.include_lines([name])) for name in every])
    elif what == "padding":
        good = compile_everywhere("padding", sizes(every), ["-Wpadded"])
    elif what == "layout":
        good = compile_everywhere("layout", "\n".join(lock.asserts(lock.read_lock())) + "\n")
    elif what == "dlpack":
        good = compile_everywhere("dlpack", pathlib.Path(__file__).with_name("dlpack.c").read_text())
    else:
        sys.exit(__doc__)
    sys.exit(0 if good else 1)


main()
