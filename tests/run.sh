#!/usr/bin/env bash
# Runs every test, on SQLite and on PostgreSQL, from any working directory. Arguments go to `cargo test`:
#
#     tests/run.sh                          everything
#     tests/run.sh --test api members       the API tests about members
#     tests/run.sh --test api -- --ignored  those behind PgBouncer, which is installed like PostgreSQL
#
# PostgreSQL's server programs are looked for where Debian puts them, then in PATH. When there are none, root gets the package
# installed and any other user a message. A cluster of our own is started in a new folder, by a user that is not root, and is
# stopped and removed at the end, whatever the end. Programs that judge files are made ready by checkers.sh: it says which.
set -euo pipefail
exec </dev/null
# A thousand sockets are opened by one test; the usual limit is about as many files.
ulimit -n "$(ulimit -Hn)"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'tests/run.sh: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

. tests/postgres.sh

command -v cargo >/dev/null || fail "cargo is not in PATH; install Rust, as https://rustup.rs tells"
need_postgres
# Only the tests behind it, which a change does not wait for.
case " $* " in *" --ignored "* | *" --include-ignored "*) need_pgbouncer ;; esac
# What judges the files that the register writes.
checkers=$(tests/checkers.sh) || fail "the programs that judge files are missing"

# Most tests get a database of their own there, hundreds of files to make and to remove: in memory, where that has room for it.
place=${TMPDIR:-/tmp}
memory=/dev/shm
if [ -z "${TMPDIR:-}" ] && [ -w "$memory" ] && [ "$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')" -gt $((4 << 20)) ]; then
    place=$memory
fi

# Nothing here needs to survive a power cut. Autovacuum would now and then hold the database that others are copied from.
start_postgres "$place" "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off -c max_connections=300 \
-c max_wal_size=1GB -c shared_buffers=256MB"

export SAMREGISTER_TEST_CHECKERS="$checkers"
export SAMREGISTER_TEST_POSTGRES="$address"
# Twice as many as there are cores: while one test waits for a database or a clock another works.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
# Clippy compiles the examples, and there are no tests in doc comments: making both ready for tests would take minutes.
targets=(--lib --bins --tests)
for argument in "$@"; do
    case $argument in
        --) break ;;
        --lib | --bin* | --test* | --example* | --bench* | --doc | --all-targets) targets=() ;;
    esac
done
cargo test --workspace --no-fail-fast "${targets[@]}" "$@"
