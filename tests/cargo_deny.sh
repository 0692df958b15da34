#!/usr/bin/env bash
# Checks the dependencies of Cargo.lock against deny.toml with cargo-deny. Arguments go to it:
#
#     tests/cargo_deny.sh check licenses bans sources    what .ci/run checks
#     tests/cargo_deny.sh check advisories               known vulnerabilities; needs the network
#
# A cargo-deny of the version below is looked for in PATH. When there is none, it is built once
# in tools of the target folder, which takes some minutes.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.20.2
script=tests/cargo_deny.sh
. tests/debian.sh

command -v cargo >/dev/null || fail "cargo is not in PATH; install Rust, as https://rustup.rs describes"
has_version() { [ "$("$1" --version 2>/dev/null)" = "cargo-deny $version" ]; }

program=$(command -v cargo-deny || true)
if [ -z "$program" ] || ! has_version "$program"; then
    folder=${CARGO_TARGET_DIR:-target}/tools
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    program=$folder/bin/cargo-deny
    # One at a time: others wait, and find it built.
    if command -v flock >/dev/null; then
        exec 9>"$folder/.lock"
        flock 9
    fi
    if ! has_version "$program"; then
        say "building cargo-deny $version in $folder"
        # Without optimisation, which would take longer than all its checks.
        cargo install cargo-deny --version "$version" --locked --force --quiet --debug \
            --root "$folder" --target-dir "$folder/build" >&2 ||
            fail "cargo-deny $version could not be built; deny.toml can't be checked without it"
        rm -rf "$folder/build"
    fi
    # Released before the check begins, which may take long without a cache.
    exec 9>&-
fi

# Without arguments, cargo-deny would only print its help.
[ $# != 0 ] || set -- check licenses bans sources
exec "$program" --locked "$@"
