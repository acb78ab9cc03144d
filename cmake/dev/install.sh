# Build the program and install it, so that `strata` is a command.
#
# usage: ./dev install [--prefix FOLDER]
#
# FOLDER is /usr/local for root and ~/.local for everyone else. The program goes to FOLDER/bin, its libraries
# and plugins to FOLDER/lib, LibTorch to FOLDER/lib/strata-libtorch; the installation needs neither this tree
# nor its Python environment. build/install_manifest.txt lists the files.

main() {
  local prefix=$HOME/.local
  [ "$(id -u)" != 0 ] || prefix=/usr/local
  case "${1:-} $#" in
    " 0") ;;
    "--prefix 2") prefix=$2 ;;
    --prefix=*" 1") prefix=${1#--prefix=} ;;
    *) die "install: give --prefix FOLDER or nothing" ;;
  esac
  [ -n "$prefix" ] || die "install: --prefix needs a folder"
  prefix=$(realpath -m "$prefix")
  mkdir -p "$prefix" 2> /dev/null && [ -w "$prefix" ] ||
    die "install: $prefix cannot be written; give --prefix FOLDER, or run it with sudo"
  need build
  say "building"
  # shellcheck disable=SC2016 # $ORIGIN is for the dynamic loader
  build_program '-DSTRATA_TORCH_LIB=$ORIGIN/strata-libtorch/torch/lib'
  cmake --install build --prefix "$prefix" > build/install.log ||
    { tail -n 5 build/install.log; die "install: copying to $prefix failed"; }
  install_libtorch "$prefix/lib/strata-libtorch"
  say "the program is $prefix/bin/strata"
  case ":$PATH:" in
    *":$prefix/bin:"*) next_step strata ;;
    *)
      say "PATH lacks that folder: export PATH=\"$prefix/bin:\$PATH\""
      next_step "$prefix/bin/strata"
      ;;
  esac
}

# The libraries keep their relative places in the Python environment, because they find each other by these.
install_libtorch() {
  local to=$1 packages file
  packages=$(echo .venv/lib/python3*/site-packages)
  local -a files=(torch/lib/{libc10.so,libtorch_cpu.so,libgomp*.so*}
    nvidia/cu13/lib/{libcudart.so,libcupti.so}.13)
  if has_gpu; then
    files=(torch/lib/lib{c10,torch,gomp,caffe2}*.so* nvidia/*/lib/*.so*)
  fi
  rm -rf "$to"
  # shellcheck disable=SC2068 # the shell expands the patterns in that folder
  (cd "$packages" && printf '%s\n' ${files[@]} | grep -v _python) | while read -r file; do
    mkdir -p "$to/$(dirname "$file")"
    cp -Ll "$packages/$file" "$to/$file" 2> /dev/null || cp -L "$packages/$file" "$to/$file"
  done
}
