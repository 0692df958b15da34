#!/usr/bin/env bash
# Compares the workloads W1 to W12 with hand-written handlers, on SQLite and on a PostgreSQL server of its own that keeps what it
# commits, both on the same disk. Arguments go to benches/workloads: docs/performance.md describes them and the table.
#
#     tests/long/workloads.sh                 70 members
#     tests/long/workloads.sh s m             and 10 000
#
# PROFILE names the profile of the build (dist by default). POSTGRES_OPTIONS are further options of the server.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
script=tests/long/workloads.sh
. tests/debian.sh
. tests/postgres.sh
. tests/long/build_workloads.sh

command -v cargo >/dev/null || fail "cargo is not in PATH; install Rust, as https://rustup.rs tells"
need_postgres
build_workloads "${PROFILE:-dist}"
place=$PWD/target/synthetic
mkdir -p "$place"
# Of a size that a small server has; statements that wait for the disk and the planner's statistics are as PostgreSQL's own defaults.
start_postgres "$place" "-c shared_buffers=256MB -c max_wal_size=2GB -c max_connections=100 ${POSTGRES_OPTIONS:-}"
export BENCH_POSTGRES="$address"
"$workloads" "$@"
