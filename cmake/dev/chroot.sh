# Run the demo or the tests as a newcomer would: in a bare Debian 12, from a clone of HEAD.
#
# usage: ./dev chroot [demo|test]    (demo unless test is named; needs root)
#
# The chroot is made with debootstrap in ${STRATA_CHROOT:-/var/tmp/strata-chroot} with only git, bash and
# Python 3. It takes over this machine's network settings: apt's sources, pip's configuration, certificates
# and proxies. It is removed after a success and kept for inspection after a failure. It takes about 12 GiB.

main() {
  local what=${1:-demo}
  root=${STRATA_CHROOT:-/var/tmp/strata-chroot}
  case $what in demo | test) ;; *) die "chroot: '$what' is neither demo nor test" ;; esac
  [ "$(id -u)" = 0 ] || die "chroot: debootstrap and chroot need root"
  [ ! -e "$root" ] || [ -e "$root/etc/debian_version" ] || [ -z "$(ls -A "$root")" ] ||
    die "chroot: $root is no earlier chroot; set STRATA_CHROOT to another folder"
  "$tree/dev" setup chroot
  rm -rf --one-file-system "$root"
  make_bare_debian
  take_over_network
  mkdir -p "$root/src"
  git clone -q "$tree" "$root/src/strata"
  run_inside "$what" || die "chroot: ./dev $what failed; the chroot is kept in $root"
  rm -rf --one-file-system "$root"
}

make_bare_debian() {
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' |
    awk '$2 == "bookworm" { print $1; exit }')
  [ -n "$mirror" ] || die "chroot: apt's sources have no bookworm; add it to them"
  say "making a bare Debian 12 in $root"
  mkdir -p "$root"
  debootstrap --variant=minbase --include=git,bash,python3,ca-certificates bookworm "$root" \
    "$mirror" > "$root.log" 2>&1 || { tail -n 5 "$root.log"; die "chroot: debootstrap failed"; }
  rm -f "$root.log"
}

take_over_network() {
  local path
  rm -f "$root/etc/apt/sources.list" # debootstrap's own; the machine's take its place
  for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/auth.conf \
    /etc/apt/auth.conf.d /etc/apt/trusted.gpg.d /etc/apt/keyrings /etc/pip.conf /etc/resolv.conf \
    /etc/hosts /etc/ssl/certs /usr/local/share/ca-certificates; do
    [ -e "$path" ] || continue
    mkdir -p "$root$(dirname "$path")"
    cp -rLT "$path" "$root$path" 2> /dev/null || true
  done
}

# The mounts live in a mount namespace of their own and end with it, so that deleting the chroot can never
# delete files behind them.
run_inside() {
  local -a kept
  # Variables that may name folders of this machine, such as PIP_FIND_LINKS, are dropped.
  mapfile -t kept < <(env |
    grep -iE '^(https?_proxy|no_proxy|pip_(index_url|extra_index_url|cert|default_timeout)|ssl_cert_(file|dir))=' ||
    true)
  root=$root unshare --mount --propagation private bash -euc '
    for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
    exec env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      "${@:2}" chroot "$root" bash -c "cd /src/strata && time ./dev $1"' bash "$1" "${kept[@]}"
}
