# Fuzz a parser of untrusted bytes for a while and show its line coverage.
#
# usage: ./dev fuzz NAME [SECONDS]    (60 seconds unless given)
#        ./dev fuzz all [SECONDS]     (every fuzzer, that long each, one on each core)
#
# NAME is tests/fuzz/NAME.cpp, whose corpus lies in tests/fuzz/corpus/NAME and whose
# first comment names the parser's sources: `// covers: FILE...`. They are built with clang 14, in
# build-fuzz/. New inputs are kept in build-fuzz/corpus/NAME, a crashing one in build-fuzz/crashes/. A crash,
# a leak, an input that takes 5 seconds or 1 GiB, and line coverage under 80 % of those sources fail.

least_coverage=80

main() {
  local name=${1:-} seconds=${2:-60} failures=""
  [ -n "$name" ] || { help_of "$commands/fuzz.sh" >&2; exit 2; }
  case $seconds in "" | *[!0-9]*) die "fuzz: '$seconds' is no number of seconds" ;; esac
  need build test
  cmake --preset fuzz --log-level=WARNING > /dev/null
  if [ "$name" = all ]; then
    cmake --build --preset fuzz -j "$jobs"
    fuzz_all "$seconds"
    for name in tests/fuzz/*.cpp; do
      name=$(basename "$name" .cpp)
      cat "build-fuzz/$name.log"
      [ -e "build-fuzz/$name.passed" ] || failures+=" $name"
    done
    [ -z "$failures" ] || { echo "error: fuzz: failed:$failures" >&2; return 1; }
  else
    [ -f "tests/fuzz/$name.cpp" ] || die "fuzz: no tests/fuzz/$name.cpp"
    cmake --build --preset fuzz -j "$jobs" --target "fuzz-$name"
    fuzz_one "$name" "$seconds" || return 1
  fi
}

# Leaves what each fuzzer prints in NAME.log, and NAME.passed where it passes.
fuzz_all() {
  local name
  for name in tests/fuzz/*.cpp; do
    name=$(basename "$name" .cpp)
    rm -f "build-fuzz/$name.passed"
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
    (fuzz_one "$name" "$1" > "build-fuzz/$name.log" 2>&1 && touch "build-fuzz/$name.passed") &
  done
  wait
}

fuzz_one() {
  local name=$1 seconds=$2 program corpus=build-fuzz/corpus/$1 kept=tests/fuzz/corpus/$1
  program=$(find build-fuzz -type f -name "fuzz-$name" -perm -u+x | head -n 1)
  [ -n "$program" ] || { echo "error: fuzz: no program fuzz-$name was built" >&2; return 1; }
  mkdir -p "$corpus" "$kept" build-fuzz/crashes
  local profile=build-fuzz/$name.profraw
  rm -f "$profile"
  say "fuzzing $name for $seconds s"
  LLVM_PROFILE_FILE=$profile "$program" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 \
    -artifact_prefix=build-fuzz/crashes/"$name"- -print_final_stats=1 -verbosity=0 \
    "$corpus" "$kept" || { echo "error: fuzz: $name failed; see build-fuzz/crashes/" >&2; return 1; }
  coverage "$name" "$program" "$profile"
}

coverage() {
  local name=$1 program=$2 profile=$3 reached
  local -a sources
  # The comment is read word by word, because clang-format may break its lines anywhere.
  mapfile -t sources < <(awk '!/^\/\// { exit } { for (i = 1; i <= NF; ++i) print $i }' \
    "tests/fuzz/$name.cpp" | grep -E '^(sdk|host|plugins)/.*\.[ch]pp$' | sort -u)
  [ ${#sources[@]} -gt 0 ] ||
    { echo "error: fuzz: tests/fuzz/$name.cpp names no sources: // covers: FILE..." >&2; return 1; }
  llvm-profdata-14 merge -sparse -o "${profile%raw}data" "$profile"
  local -a libraries=()
  local library
  for library in build-fuzz/lib/*.so; do
    [ -f "$library" ] && libraries+=(-object "$library")
  done
  # Rows are matched by the ends of their paths: a compiler cache keeps the paths of the tree that filled it.
  local rows
  rows=$(llvm-cov-14 report "$program" "${libraries[@]}" -instr-profile="${profile%raw}data" |
    awk -v sources="${sources[*]}" '
      BEGIN { count = split(sources, source) }
      { for (i = 1; i <= count; ++i)
          if (substr("/" $1, length($1) - length(source[i]) + 1) == "/" source[i])
            print source[i], $8, $9 }')
  reached=$(awk '{ lines += $2; missed += $3 }
    END { printf "%.2f", lines ? 100 * (lines - missed) / lines : 0 }' <<< "$rows")
  awk '{ printf "%-40s %4d lines, %4d not reached\n", $1, $2, $3 }' <<< "$rows"
  printf '%-16s %6s %% of the lines of %s\n' "$name" "$reached" "${sources[*]}"
  awk -v reached="$reached" -v least="$least_coverage" 'BEGIN { exit !(reached + 0 >= least) }' ||
    { echo "error: fuzz: $name reaches $reached % of its parser; at least $least_coverage %" >&2
      return 1; }
}
