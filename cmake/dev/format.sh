# Format every C, C++ and CUDA file with clang-format 14.
#
# usage: ./dev format            (rewrites the files)
#        ./dev format --check    (changes nothing; fails and names what it would change)

main() {
  local how=(-i)
  case ${1:-} in
    "") ;;
    --check) how=(--dry-run -Werror) ;;
    *) die "format: '$1' is no option; ./dev format --help" ;;
  esac
  "$tree/dev" setup lint
  local -a files
  mapfile -d '' files < <(git ls-files -z --cached --others --exclude-standard -- \
    '*.c' '*.h' '*.cpp' '*.hpp' '*.cu' '*.cuh')
  clang-format-14 --style=file "${how[@]}" "${files[@]}"
}
