# Run one of the measurements in bench/.
#
# usage: ./dev bench              (lists them)
#        ./dev bench NAME [ARGUMENT...]
#
# Each is one claim: it measures the machine's own limit beside the thing itself and prints the ratio.

main() {
  local name=${1:-}
  if [ -z "$name" ]; then
    find bench -maxdepth 1 \( -name '*.py' -o -name '*.sh' \) -printf '%f\n' 2> /dev/null | sort
    return
  fi
  shift
  case $name in */* | .*) die "bench: '$name' is no name of a measurement" ;; esac
  local -a how
  if [ -f "bench/$name.py" ]; then
    how=("$python" "bench/$name.py")
  elif [ -f "bench/$name.sh" ]; then
    how=(bash "bench/$name.sh")
  else
    die "bench: no bench/$name.py or bench/$name.sh; ./dev bench lists them"
  fi
  need build test
  build_preset release
  "${how[@]}" "$@"
}
