# Build a preset of CMakePresets.json.
#
# usage: ./dev build [PRESET] [TARGET...]
#
# The preset is release (in build/) unless one is named: debug, asan, tsan, fuzz (in build-PRESET/).
# The program is build/bin/strata; its plugins lie in build/lib/strata.

main() {
  local preset=${1:-release}
  shift || true
  grep -q "{\"name\": \"$preset\", \"configurePreset\"" CMakePresets.json ||
    die "build: no preset '$preset'; CMakePresets.json has them"
  need build test
  build_preset "$preset" "$@"
}
