# Pack a release build with its tests for another machine that has torch.
#
# usage: ./dev pack    (writes build/strata-pack.tar.gz, at most 64 MiB)
#
# The pack holds bin, lib, share, the plugins, the tests and their data, stripped, and a script `run`
# that finds torch's libraries through python3 there: `./run bin/strata --help`,
# `./run bin/core-tests`; where there is a GPU, `./run python3 tests/gpu/run.py --json gpu.json`.

limit=$((64 << 20))

main() {
  [ $# -eq 0 ] || die "pack: takes no arguments"
  need build test
  build_preset release
  local stage=build/pack/strata
  rm -rf build/pack
  mkdir -p "$stage"
  cp -a build/bin build/lib build/share "$stage/"
  # Debian libraries that the other machine may lack.
  ldd build/bin/strata build/lib/libstrata-hwloc.so | awk '/pcre2|utf8proc|hwy|hwloc|udev/ { print $3 }' | sort -u |
    xargs cp -L -t "$stage/lib"
  # Folders that tests and measurements read, if the tree has them.
  local folder
  for folder in tests bench examples plugins; do
    [ -d "$folder" ] && git ls-files -z "$folder" | xargs -0 cp --parents -t "$stage"
  done
  find "$stage" -name '*.cpp' -delete
  strip_all "$stage"
  cp cmake/dev/pack-run "$stage/run"
  chmod +x "$stage/run"
  tar -C build/pack -czf build/strata-pack.tar.gz strata
  local size
  size=$(stat -c %s build/strata-pack.tar.gz)
  say "build/strata-pack.tar.gz: $((size / 1024)) KiB"
  [ "$size" -le "$limit" ] || die "pack: more than $((limit >> 20)) MiB"
}

# A plugin's manifest holds the hash of its library, which stripping changes.
strip_all() {
  local file manifest
  find "$1/bin" "$1/lib" -type f | while read -r file; do
    head -c 4 "$file" | grep -q ELF || continue
    strip --strip-unneeded "$file"
    manifest=$PWD/${file%.so}.json
    if [ -f "$manifest" ]; then
      cmake -DLIBRARY="$PWD/$file" -DMANIFEST="$manifest" -P cmake/manifest.cmake
    fi
  done
}
