#!/usr/bin/env bash
# Counts the instructions of the program's commands and of the workloads W1, W2, W3 and W5 on a synthetic register, and fails when one
# needs more than ten per cent more than benches/callgrind.txt has of it: unlike a time, the number is nearly the same on every machine.
# UPDATE_CALLGRIND=1 writes the file, as before a tag.
#
#     tests/long/callgrind.sh           the commands, by a build of the profile release, and the workloads, by one of the profile dist
#     tests/long/callgrind.sh W1 W5     prints the instructions of these workloads alone
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
script=tests/long/callgrind.sh
. tests/debian.sh
. tests/long/build_workloads.sh

need valgrind valgrind --version
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
root=$PWD
known=$root/benches/callgrind.txt
failed=0

# The instructions of a run.
instructions() { sed -n 's/^summary: \([0-9]*\).*/\1/p' "$1"; }

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
    printf '%s %s\n' "$name" "$(instructions "$folder/$name.out")" >>"$folder/counts"
}

# count NAME TIMES GOAL: the instructions of an answer of a workload: the difference of a run with twice as many and one with so many,
# which has nothing of the start in it. One thread answers, and one connection reads. The hash maps of Rust's library have the same seeds in
# each run: see fixed_seeds.c.
count() {
    local name=$1 times=$2 goal=$3 run runs=()
    [ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return 0
    for run in "$times" $((2 * times)); do
        if ! valgrind --tool=callgrind --callgrind-out-file="$folder/$name.$run.out" "$workloads" count "$folder/workloads" "$name" "$run" \
            >"$folder/$name.stdout" 2>"$folder/$name.stderr"; then
            say "$name failed: $(tail -n 5 "$folder/$name.stderr")"
            failed=1
            return
        fi
        runs+=("$(instructions "$folder/$name.$run.out")")
    done
    printf '%s %s %s\n' "$name" $(((runs[1] - runs[0]) / times)) "$goal" >>"$folder/counts"
}

if [ $# = 0 ]; then
    target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
    program=${PROGRAM:-$target/release/samregister}
    [ -x "$program" ] || fail "$program is not there; build it, as with: cargo build --release"
    mkdir "$folder/files"
    cargo run --quiet --release --locked --example synthetic -- "$folder/files" 70 200 1000
    cp assets/demo/samregister.toml "$folder"
    cd "$folder"
    SAMREGISTER_JWT_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    export SAMREGISTER_JWT_SECRET DATABASE_URL="sqlite://$folder/register.db?mode=rwc"
    "$program" migrate 2>/dev/null
    measure import import "$folder/files"
    measure expiring expiring --within-days 365
    measure revenue revenue --from 2026-01-01 --to 2026-12-31 --group-by activity,quarter
    measure break-even break-even --year 2026
    measure late invoices late
    measure sie sie --from 2026-01-01 --to 2026-12-31
    measure export export "$folder/exported"
    measure verify verify
    cd "$root"
fi

# WORKLOADS names a benchmark that is built already. Without fixed_seeds.c, its hash maps have other seeds in each run, which is less than
# one per cent.
workloads=${WORKLOADS:-}
[ -n "$workloads" ] || build_workloads dist
[ -x "$workloads" ] || fail "$workloads is no program"
"$workloads" prepare "$folder/workloads" >/dev/null
wanted=" $* "
count W1 20 9000000
count W2 100 900000
count W3 50 2000000
count W5 100 900000

if [ $# != 0 ]; then
    cat "$folder/counts"
    exit "$failed"
fi
if [ "${UPDATE_CALLGRIND:-}" = 1 ]; then
    [ "$failed" = 0 ] || fail "benches/callgrind.txt stays as it is, since a command failed"
    cp "$folder/counts" "$known"
    say "wrote benches/callgrind.txt"
fi
"$root/tests/long/compare_counts.sh" "$known" "$folder/counts" || failed=1
exit "$failed"
