#!/usr/bin/env bash
# Checks the dependencies of Cargo.lock against deny.toml with cargo-deny. Arguments go to it:
#
#     tests/cargo_deny.sh check licenses bans sources    what .ci/run checks
#     tests/cargo_deny.sh check advisories               known vulnerabilities; needs the network
#     tests/cargo_deny.sh known-advisories               the same where the network or a database of the last 90 days is at hand
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

script=tests/cargo_deny.sh
. tests/debian.sh
. tests/cargo_tool.sh
cargo_tool cargo-deny 0.20.2

database=https://github.com/RustSec/advisory-db
databases=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
if [ "$*" = known-advisories ]; then
    if GIT_TERMINAL_PROMPT=0 timeout 15 git ls-remote --quiet --exit-code "$database" HEAD >/dev/null 2>&1; then
        set -- check advisories
    elif [ -n "$(find "$databases" -name FETCH_HEAD -mtime -90 2>/dev/null)" ]; then
        set -- --offline check advisories
    else
        say "advisories are not checked: $database does not answer, and $databases has none of the last 90 days"
        exit 0
    fi
fi

# Without arguments, cargo-deny would only print its help.
[ $# != 0 ] || set -- check licenses bans sources
exec "$program" --locked "$@"
