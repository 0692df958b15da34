#!/usr/bin/env bash
# Counts the instructions of the program's commands on a synthetic register, and prints them beside those of benches/callgrind.txt: unlike a
# time, the number is nearly the same on every machine. UPDATE_CALLGRIND=1 writes the file anew, as before a tag.
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
known=$PWD/benches/callgrind.txt
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

[ -e "$known" ] || : >"$folder/none"
awk 'NR == FNR { before[$1] = $2; next } { printf "%-12s %14d instructions, before %14s, ratio %s\n", $1, $2, ($1 in before ? before[$1] : "-"), ($1 in before && before[$1] > 0 ? sprintf("%.3f", $2 / before[$1]) : "-") }' \
    "$([ -e "$known" ] && echo "$known" || echo "$folder/none")" "$folder/counts"
[ "${UPDATE_CALLGRIND:-}" != 1 ] || cp "$folder/counts" "$known"
exit "$failed"
