#!/usr/bin/env bash
# Builds the Debian package of a program that is built already:
#
#     cargo build --profile dist --locked
#     deploy/package.sh target/dist/samregister         writes target/debian/samregister_VERSION_ARCH.deb
#     deploy/package.sh target/dist/samregister FOLDER  writes it to FOLDER
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

script=deploy/package.sh
. tests/debian.sh
. tests/cargo_tool.sh
[ $# -ge 1 ] && [ -x "$1" ] || fail "name the program, as target/dist/samregister"
need dpkg-dev dpkg-shlibdeps --version
cargo_tool cargo-deb 3.8.0 --no-default-features --features gzip

# What Cargo.toml names as assets, by the program itself.
parts=target/package
rm -rf "$parts"
mkdir -p "$parts/man"
install -m 755 "$1" "$parts/samregister"
"$parts/samregister" completions bash >"$parts/samregister.bash"
"$parts/samregister" completions zsh >"$parts/_samregister"
"$parts/samregister" completions fish >"$parts/samregister.fish"
"$parts/samregister" man "$parts/man" || fail "the program writes no man pages"

# Debian's form of the changelog: the version, and where the changes are described.
version=$(sed -n '/^\[workspace.package\]/,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml)
released=$(sed -n "s/^## \[$version\] - \([0-9-]*\)$/\1/p" CHANGELOG.md)
[ -n "$version" ] || fail "Cargo.toml has no version"
{
    printf 'samregister (%s-1) stable; urgency=medium\n\n' "$version"
    printf '  * See /usr/share/doc/samregister/changelog.gz.\n\n'
    printf ' -- Samregister <samregister@nnsfinsam.example>  %s\n' "$(date -R -u -d "${released:-now}")"
} >"$parts/changelog"

"$program" deb --no-build --output "${2:-target/debian}/"
