# Install what is missing: Debian packages and the Python environment.
#
# usage: ./dev setup [build|demo|test|lint|chroot]...      (build and test when none is named)
#
# Debian packages come from cmake/packages.txt, by group, through apt-get as root or with sudo; packages that
# are installed are left alone. The Python environment lies in ${STRATA_CACHE:-~/.cache/strata}, is named by
# the hash of its lists of packages, is made once and linked as .venv. Every build needs requirements.txt, the
# demo also its model, the tests all lists. A machine with a GPU, or with tests to build, gets LibTorch's CUDA
# libraries and, if it has no nvcc of CUDA 13, the compiler as a Python package.

main() {
  local groups=("$@")
  [ $# -gt 0 ] || groups=(build test)
  local group
  for group in "${groups[@]}"; do
    grep -qx "\[$group\]" cmake/packages.txt || die "setup: no group '$group' in cmake/packages.txt"
    install_packages "$group"
  done
  local -a lists
  mapfile -t lists < <(python_lists "${groups[@]}")
  [ ${#lists[@]} -eq 0 ] || make_environment "${lists[@]}"
}

every_list=(requirements.txt cmake/gpu-requirements.txt cmake/nvcc-requirements.txt
  examples/demo/requirements.txt tests/requirements.txt)

# Prints the lists of Python packages that the groups need on this machine, one a line.
python_lists() {
  local groups=" $* "
  if [[ $groups == *" test "* ]]; then
    printf '%s\n' "${every_list[@]}"
  else
    [[ $groups == *" build "* ]] && echo requirements.txt
    [[ $groups == *" demo "* ]] && echo examples/demo/requirements.txt
    [[ $groups == *" build "* ]] && has_gpu &&
      printf '%s\n' cmake/gpu-requirements.txt cmake/nvcc-requirements.txt
  fi | if system_nvcc > /dev/null; then grep -v nvcc-; else cat; fi || true
}

packages_of() {
  awk -v group="[$1]" '/^\[/ { on = $1 == group; next } on && NF && !/^#/ { print $1 }' \
    cmake/packages.txt
}

install_packages() {
  local missing=() name
  for name in $(packages_of "$1"); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2> /dev/null)" = installed ] ||
      missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null ||
      die "setup: not root and no sudo; as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "${missing[@]}" > "/tmp/strata-apt.$$" 2>&1 ||
    { tail -n 20 "/tmp/strata-apt.$$"; die "setup: apt-get install failed"; }
  rm -f "/tmp/strata-apt.$$"
}

# [Note: marks] An environment is named by the hash of its contents, and each list of packages leaves a mark
# when it is complete, so that an interrupted run is resumed. A lock lets only one run write.
make_environment() {
  local venv
  venv="$cache/venv-$(cat "${every_list[@]}" | sha256sum | cut -c 1-12)"
  mkdir -p "$cache"
  exec 9> "$venv.lock"
  flock 9
  if [ ! -f "$venv/.made" ]; then
    say "making the Python environment $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    touch "$venv/.made"
  fi
  local list mark
  for list in "$@"; do
    mark="$venv/.has-${list//\//-}"
    [ -f "$mark" ] && continue
    say "installing Python packages: $list"
    "$venv/bin/python" -m pip install -q --no-deps --no-cache-dir -r "$list" ||
      die "setup: pip could not install $list"
    touch "$mark"
  done
  # The compiler's wheel looks for its runtime at the place that it has in a toolkit.
  local toolkit
  for toolkit in "$venv"/lib/python3*/site-packages/nvidia/cu13; do
    [ ! -x "$toolkit/bin/nvcc" ] || [ -e "$toolkit/lib64" ] || ln -s lib "$toolkit/lib64"
  done
  exec 9>&-
  link_environment "$venv"
}

link_environment() {
  if [ -e .venv ] && [ ! -L .venv ]; then
    die "setup: .venv is not a link of ./dev's; move it away"
  fi
  [ "$(readlink .venv)" = "$1" ] || ln -sfn "$1" .venv
}
