#!/usr/bin/env bash
# Counts the instructions of the program's commands on a synthetic register, and fails when one needs more than ten per cent more than
# benches/callgrind.txt has of it: unlike a time, the number is nearly the same on every machine. UPDATE_CALLGRIND=1 writes the file, as
# before a tag.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
script=tests/long/callgrind.sh
. tests/debian.sh

need valgrind valgrind --version
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
program=${PROGRAM:-$target/release/samregister}
[ -x "$program" ] || fail "$program is not there; build it, as with: cargo build --release"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
root=$PWD
known=$root/benches/callgrind.txt
cp assets/demo/samregister.toml "$folder"
mkdir "$folder/files"
cargo run --quiet --release --locked --example synthetic -- "$folder/files" 70 200 1000
cd "$folder"
SAMREGISTER_JWT_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export SAMREGISTER_JWT_SECRET DATABASE_URL="sqlite://$folder/register.db?mode=rwc"
"$program" migrate 2>/dev/null

failed=0
measure() {
    local name=$1
    shift
    local status=0
    valgrind --tool=callgrind --callgrind-out-file="$folder/$name.out" "$program" "$@" >"$folder/$name.stdout" 2>"$folder/$name.stderr" || status=$?
    # 3: a check found something, which the demo's data may well have.
    if [ "$status" != 0 ] && [ "$status" != 3 ]; then
        say "$name failed with $status: $(tail -n 5 "$folder/$name.stderr")"
        failed=1
        return
    fi
    printf '%s %s\n' "$name" "$(sed -n 's/^summary: \([0-9]*\).*/\1/p' "$folder/$name.out")" >>"$folder/counts"
}
measure import import "$folder/files"
measure expiring expiring --within-days 365
measure revenue revenue --from 2026-01-01 --to 2026-12-31 --group-by activity,quarter
measure break-even break-even --year 2026
measure late invoices late
measure sie sie --from 2026-01-01 --to 2026-12-31
measure export export "$folder/exported"
measure verify verify

if [ "${UPDATE_CALLGRIND:-}" = 1 ]; then
    [ "$failed" = 0 ] || fail "benches/callgrind.txt stays as it is, since a command failed"
    cp "$folder/counts" "$known"
    say "wrote benches/callgrind.txt"
fi
"$root/tests/long/compare_counts.sh" "$known" "$folder/counts" || failed=1
exit "$failed"
