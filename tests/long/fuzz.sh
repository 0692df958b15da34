#!/usr/bin/env bash
# Fuzzes what reads text from outside with libFuzzer, guided by coverage: the targets of tests/fuzz one after the other, each for SECONDS_EACH
# seconds (120). Fails when an input panics, takes more than 5 seconds or 1 GiB of memory, and prints how to run it again.
#
#     tests/long/fuzz.sh                   every target
#     tests/long/fuzz.sh prose csv         these
#     INPUT=file tests/long/fuzz.sh csv    one input alone
#
# It needs neither cargo-fuzz nor a nightly compiler: the flags below are those of cargo-fuzz without its sanitizers, which would look for
# errors of unsafe code, of which we have none. Inputs that reach new branches are kept from run to run in fuzz/corpus of the target folder;
# seeds are committed, as is what once failed. The tests of the API repeat them: tests/run.sh --test api fuzz_inputs
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
script=tests/long/fuzz.sh
. tests/debian.sh

need g++ g++ --version
folder=${CARGO_TARGET_DIR:-target}/fuzz
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
# Named, so that build scripts and macros are left without instrumentation.
bins=$folder/$host/release
flags="--cfg fuzzing -Cpasses=sancov-module"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=" -Cllvm-args=-sanitizer-coverage-$option"
done
# Keeps branches that the optimiser would fold into one.
flags+=" -Cllvm-args=-simplifycfg-branch-fold-threshold=0"

mapfile -t targets < <(cd tests/fuzz/targets && printf '%s\n' *.rs | sed 's/\.rs$//')
[ $# = 0 ] || targets=("$@")
for target in "${targets[@]}"; do
    [ -e "tests/fuzz/targets/$target.rs" ] || fail "there is no target $target in tests/fuzz/targets"
done
CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$folder RUSTFLAGS=$flags cargo build --release --locked --manifest-path tests/fuzz/Cargo.toml \
    --target "$host" "${targets[@]/#/--bin=}" ||
    fail "the targets could not be built; when Cargo.lock of tests/fuzz is behind, run: cargo update --workspace --manifest-path tests/fuzz/Cargo.toml"

# Some targets write a file for each input.
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm

# What the tests and the program have already: a target and a folder on each line.
samples() {
    sed -n "s/^$1 //p" tests/fuzz/samples.txt
}

fuzz() {
    local target=$1
    local corpus=$folder/corpus/$target found=$folder/found/$target log=$folder/$target.log
    local options=(-timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=512)
    if [ -n "${INPUT:-}" ]; then
        RUST_BACKTRACE=1 "$bins/$target" "${options[@]}" "$INPUT"
        return
    fi
    rm -rf "$found"
    mkdir -p "$corpus" "$found"
    local seeds=() seed
    for seed in "tests/fuzz/seeds/$target" $(samples "$target"); do
        [ ! -d "$seed" ] || seeds+=("$seed")
    done
    local status=0 longest=20000
    # A header and some rows; a whole file of the demo takes a hundred times as long.
    [ "$target" != csv ] || longest=4000
    # Printing a backtrace takes longer than an input may.
    RUST_BACKTRACE=0 "$bins/$target" "${options[@]}" -max_total_time="${SECONDS_EACH:-120}" -max_len="$longest" -dict="tests/fuzz/dictionaries/$target" \
        -artifact_prefix="$found/" -print_final_stats=1 "$corpus" "${seeds[@]}" >"$log" 2>&1 || status=$?
    if [ "$status" = 0 ]; then
        printf '%-12s %s\n' "$target" "$(grep -a '^#.*DONE' "$log" | tail -n 1 | tr '\t' ' ')"
        return
    fi
    say "$target failed with $status: $(grep -av '^#[0-9]\|NEW_FUNC\|^INFO\|# Uses:' "$log" | tail -n 40)"
    for seed in "$found"/*; do
        say "to run it again: INPUT=$seed $script $target"
        say "to keep it: fix the error, add a test, and copy the file to tests/fuzz/seeds/$target"
    done
    return 1
}

failed=0
for target in "${targets[@]}"; do
    fuzz "$target" || failed=1
done
exit "$failed"
