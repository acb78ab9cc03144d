# Check the sources for faults that compilers do not report.
#
# usage: ./dev lint [FILE...]    (the files that differ from the branch main, unless files are named)
#        ./dev lint --all        (every file)
#        ./dev lint --quick      (the tree's own rules alone; needs no build)
#
# It checks the tree's rules: no plugin's name under sdk/ or host/, no file over 400 lines, nothing marked to
# be done later, each C++ header compiles alone (not with --quick). Then it runs clang-tidy 14 with
# .clang-tidy. A name under sdk/ or host/ that is a value of a foreign format needs a line with its reason in
# cmake/dev/foreign-names.txt.

main() {
  local failed=0
  python3 cmake/dev/tree_rules.py || failed=1
  [ "${1:-}" = --quick ] && return $failed
  need build test lint
  cmake --preset release --log-level=WARNING > /dev/null
  local -a sources
  if [ "${1:-}" = --all ]; then
    mapfile -t sources < <(git ls-files '*.cpp' '*.hpp')
  elif [ $# -gt 0 ]; then
    sources=("$@")
  else
    mapfile -t sources < <(git diff --name-only --diff-filter=d \
      "$(git merge-base main HEAD 2> /dev/null || echo HEAD)" -- '*.cpp' '*.hpp')
  fi
  [ ${#sources[@]} -gt 0 ] || { say "lint: no C++ file differs from main"; return $failed; }
  .venv/bin/python cmake/dev/headers.py build/compile_commands.json "${sources[@]}" || failed=1
  tidy "${sources[@]}" || failed=1
  return $failed
}

# Headers are checked through the sources that include them. clang cannot read gcc's precompiled header, so it
# gets the same list of headers under a name without a precompiled file beside it.
tidy() {
  local -a compiled
  mapfile -t compiled < <(.venv/bin/python - "$@" << 'END'
import json, os, re, shutil, sys
named = {os.path.abspath(name) for name in sys.argv[1:]}
commands = json.load(open("build/compile_commands.json"))
for command in commands:
    for header in re.findall(r"-include (\S+/cmake_pch\.hxx)", command["command"]):
        plain = header.replace("cmake_pch", "lint_pch")
        shutil.copyfile(header, plain)
        command["command"] = command["command"].replace(header, plain)
os.makedirs("build/lint", exist_ok=True)
json.dump(commands, open("build/lint/compile_commands.json", "w"))
print(*sorted(named & {c["file"] for c in commands}), sep="\n")
END
  )
  [ -n "${compiled[0]:-}" ] || return 0
  printf '%s\0' "${compiled[@]}" |
    xargs -0 -n 1 -P "$jobs" clang-tidy-14 -p build/lint --quiet \
      --extra-arg=-Wno-unknown-warning-option
}
