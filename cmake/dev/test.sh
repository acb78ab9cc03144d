# Run every test that needs no GPU.
#
# usage: ./dev test [STEP...]
#
# Each step runs to its end, even if others fail. The run ends with the output of the failed tests and a table
# of times. The output of a step is in build/test-STEP.log. Steps:
#   style    formatting and the tree's own rules (./dev lint --quick)
#   release  everything, as it is shipped
#   asan     all that parses and computes, with the address and undefined behaviour sanitizers
#   tsan     the parts of the core that run in several threads, with the thread sanitizer

steps=(style release asan tsan)

step_style() { "$tree/dev" format --check && "$tree/dev" lint --quick; }
step_release() { build_and_test release; }
step_asan() { build_and_test asan; }
step_tsan() { build_and_test tsan; }

build_and_test() { build_preset "$1" && ctest --preset "$1" -j "$jobs"; }

# Prints the last lines of each failed test's output; without one, the last lines of the whole log.
what_failed() {
  awk '
    /^ *[0-9]+\/[0-9]+ Test +#/ { show(); kept = /\*\*\*/; count = 0 }
    /^ +Start +[0-9]+: / || /^[0-9]+% tests passed/ { show(); kept = 0 }
    kept { line[count++] = $0 }
    function show(    i) {
      if (!kept) return
      print line[0]
      for (i = count > 40 ? count - 40 : 1; i < count; ++i) print line[i]
      ++shown
      kept = 0
    }
    END { show(); exit !shown }' "$1" || tail -n 40 "$1"
}

main() {
  local step table="" failures=""
  [ $# -eq 0 ] || steps=("$@")
  for step in "${steps[@]}"; do
    declare -F "step_$step" > /dev/null || die "test: no step '$step'; ./dev test --help lists them"
  done
  need build test lint
  mkdir -p build
  for step in "${steps[@]}"; do
    local begin=$SECONDS result=passed
    say "test: $step"
    "step_$step" 2>&1 | tee "build/test-$step.log" || { result=FAILED; failures+=" $step"; }
    table+=$(printf '%-8s %-6s %6d s' "$step" "$result" $((SECONDS - begin)))$'\n'
  done
  for step in $failures; do
    say "test: what failed in $step"
    what_failed "build/test-$step.log"
  done
  printf 'step     result   time\n%s' "$table"
  printf '%-8s %-6s %6d s\n' all "$([ -z "$failures" ] && echo passed || echo FAILED)" "$SECONDS"
  [ -z "$failures" ]
}
