# Run every test that needs no GPU.
#
# usage: ./dev test [STEP...]
#
# Each step runs to its end, whatever came of the others; a table of times closes the run. Steps:
#   style    formatting and the tree's own rules (./dev lint --quick)
#   release  everything, as it is shipped
#   asan     everything, with the address and undefined behaviour sanitizers
#   tsan     the core, with the thread sanitizer

steps=(style release asan tsan)

step_style() { "$tree/dev" format --check && "$tree/dev" lint --quick; }
step_release() { build_and_test release; }
step_asan() { build_and_test asan; }
step_tsan() { build_and_test tsan; }

build_and_test() { build_preset "$1" && ctest --preset "$1" -j "$jobs"; }

main() {
  local step table="" failed=0
  [ $# -eq 0 ] || steps=("$@")
  for step in "${steps[@]}"; do
    declare -F "step_$step" > /dev/null || die "test: no step '$step'; ./dev test --help lists them"
  done
  need build test lint
  for step in "${steps[@]}"; do
    local begin=$SECONDS result=passed
    say "test: $step"
    "step_$step" || { result=FAILED; failed=1; }
    table+=$(printf '%-8s %-6s %6d s' "$step" "$result" $((SECONDS - begin)))$'\n'
  done
  printf 'step     result   time\n%s' "$table"
  printf '%-8s %-6s %6d s\n' all "$([ $failed = 0 ] && echo passed || echo FAILED)" "$SECONDS"
  return $failed
}
