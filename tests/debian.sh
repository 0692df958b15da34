# Sourced by the scripts of this folder, which set `script` to their name: it speaks for them, and gets what they need of Debian.

say() { printf '%s: %s\n' "$script" "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

# What a command shows to be there, from its Debian package when it is missing: root gets it installed and any other user a message.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "«$*» does not work; install it, as with: sudo apt-get install $package"
    say "«$*» does not work; installing Debian's package $package"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends "$package"; } >&2 || fail "the package $package could not be installed"
    "$@" >/dev/null || fail "the package $package was installed, but «$*» does not work"
}
