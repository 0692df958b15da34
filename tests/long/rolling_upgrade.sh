#!/usr/bin/env bash
# Rolling upgrades with real programs on PostgreSQL: servers of an older program are replaced one by one under mutations (rolling_upgrade.py).
#
#     tests/long/rolling_upgrade.sh PROGRAM            from the last tag; without tags, from the last commit "Release …"
#     tests/long/rolling_upgrade.sh PROGRAM COMMIT     from this commit
#
# PROGRAM is that of HEAD. The newer program is HEAD with the next minor version and one more migration, which adds an index and allows PROGRAM: so
# PROGRAM still writes next to it. The program of COMMIT does so only if every migration since then allows it; else it refuses to write, and
# its servers answer /readyz with 503. Both are built below target/rolling, from worktrees that are removed again.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

script=tests/long/rolling_upgrade.sh
. tests/debian.sh
. tests/postgres.sh
[ $# -ge 1 ] && [ -x "$1" ] || fail "name the program of HEAD, as target/dist/samregister"
need git git --version
need python3 python3 --version
command -v cargo >/dev/null || fail "cargo is not in PATH; install Rust, as https://rustup.rs tells"
current=$(realpath "$1")
named=${2:-$(git describe --tags --abbrev=0 2>/dev/null || git log -1 --format=%H --extended-regexp --grep='^Release [0-9]+\.')}
[ -n "$named" ] || fail "there is neither a tag nor a commit «Release …»; name a commit"
commit=$(git rev-parse --verify --quiet "$named^{commit}") || fail "there is no commit $named; a shallow clone does not have it"
git diff --quiet HEAD || say "what is not committed is not in the newer program"
need_postgres

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/rolling"
base=$(cd "$target/rolling" && pwd)
source=$base/source
remove_source() {
    git worktree remove --force "$source" 2>/dev/null || rm -rf "$source"
    git worktree prune
}
trap remove_source EXIT

# build NAME COMMIT CHANGE…: builds the program of a commit after a command that changes its sources.
build() {
    local name=$1 of=$2
    shift 2
    remove_source
    git worktree add --quiet --detach "$source" "$of"
    (cd "$source" && "$@" && CARGO_TARGET_DIR=$base/target cargo build --quiet --bin samregister) || fail "the program of $of was not built"
    cp "$base/target/debug/samregister" "$base/$name"
    remove_source
}

# The next version, with a migration that allows this one. Cargo.lock follows the version.
with_next_migration() {
    local version major minor
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
    IFS=. read -r major minor _ <<<"$version"
    sed -i "s/^version = \"$version\"$/version = \"$major.$((minor + 1)).0\"/" Cargo.toml
    printf '%s\n\n%s\n' '//! An index that only this trial needs.' \
        'crate::change!("CREATE INDEX member__trial ON member (name_key, joined_on, id);");' >migration/src/m2999_01_01_01_trial.rs
    sed -i -e 's|^/// Every change, in order\.|mod m2999_01_01_01_trial;\n\n&|' \
        -e '0,/^        \]$/s//            Box::new(m2999_01_01_01_trial::Migration),\n        ]/' migration/src/lib.rs
    sed -i "s/^pub const COMPATIBLE: .* = &\[/&(\"m2999_01_01_01_trial\", \"$version\"),/" migration/src/releases.rs
    [ "$(grep -c m2999_01_01_01_trial migration/src/lib.rs migration/src/releases.rs | cut -d: -f2 | paste -sd,)" = 2,1 ] &&
        grep -q "^version = \"$major.$((minor + 1)).0\"$" Cargo.toml || fail "the trial migration has no place in the sources of HEAD"
}

release=release-${commit:0:12}
[ -x "$base/$release" ] || build "$release" "$commit" true
build next HEAD with_next_migration

start_postgres "${TMPDIR:-/tmp}" "-c fsync=off -c max_connections=100"
say "from $named, whose migrations since then decide"
python3 tests/long/rolling_upgrade.py "$base/$release" "$base/next" "$address" "$folder/release" || fail "the upgrade from $named fails"
as_owner "$programs/psql" "$address" -qc 'CREATE DATABASE allowing' || fail "there is no second database"
say "from HEAD, which the next migration allows"
python3 tests/long/rolling_upgrade.py "$current" "$base/next" "${address%/postgres}/allowing" "$folder/current" allows ||
    fail "the upgrade from HEAD fails"
