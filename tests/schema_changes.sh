#!/usr/bin/env bash
# Refuses changes of schema.graphql that break clients of the newest release, which is the newest tag
# v* that is part of this history. A change is allowed if the changelog names the type or field,
# as `Member.county`, below a heading "Breaking" of its newest section.
#
# First it tries itself on small schemas. graphql-core is that of the clients in Python.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

script=tests/schema_changes.sh
. tests/debian.sh
need python3 python3 --version
need python3-venv python3 -c 'import ensurepip, venv'

folder=${CARGO_TARGET_DIR:-target}/clients
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# One at a time: others wait.
if command -v flock >/dev/null; then
    exec 9>"$folder/.lock"
    flock 9
fi
. tests/clients/python.sh
prepare_python >&2 || fail "graphql-core could not be installed"
exec 9>&-

compare() { "$folder/python/bin/python" -B tests/schema_changes/compare.py "$@"; }

# A test of the comparison itself: a compatible change passes, and of two breaking changes that are
# not named each is refused.
of() { printf 'tests/schema_changes/%s' "$1"; }
compare "$(of before.graphql)" "$(of compatible.graphql)" CHANGELOG.md ||
    fail "a compatible change is refused"
compare "$(of before.graphql)" "$(of breaking.graphql)" "$(of CHANGELOG.md)" ||
    fail "breaking changes are refused that the changelog names"
empty=$(mktemp)
trap 'rm -f "$empty" "${released:-}"' EXIT
! refused=$(compare "$(of before.graphql)" "$(of breaking.graphql)" "$empty") ||
    fail "breaking changes pass that no changelog names"
for field in Member.county Member.name; do
    grep -qF "$field" <<<"$refused" || fail "the change of $field passes: $refused"
done

tag=$(git tag --list 'v*' --merged HEAD --sort=-v:refname | head -n 1)
if [ -z "$tag" ]; then
    echo "no release is tagged, so that no change breaks one"
    exit
fi
released=$(mktemp)
git show "$tag:schema.graphql" >"$released" || fail "$tag has no schema.graphql"
compare "$released" schema.graphql CHANGELOG.md || {
    say "the changes above break clients of $tag; name each below a heading \"### Breaking\" of the newest section of CHANGELOG.md, or undo it"
    exit 1
}
echo "schema.graphql breaks no client of $tag without notice"
