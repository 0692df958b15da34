#!/usr/bin/env bash
# Checks the dependencies of Cargo.lock against deny.toml with cargo-deny. Arguments go to it:
#
#     tests/cargo_deny.sh check licenses bans sources    what .ci/run checks
#     tests/cargo_deny.sh check advisories               known vulnerabilities; needs the network
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

script=tests/cargo_deny.sh
. tests/debian.sh
. tests/cargo_tool.sh
cargo_tool cargo-deny 0.20.2

# Without arguments, cargo-deny would only print its help.
[ $# != 0 ] || set -- check licenses bans sources
exec "$program" --locked "$@"
