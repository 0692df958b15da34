#!/usr/bin/env bash
# Makes a register of 100 000 members, 300 000 agreements and 2 000 000 invoices on a PostgreSQL server of its own, and prints the figures
# of docs/operations/scale.md.
#
#     tests/long/scale.sh [PROGRAM]                                    by target/release/samregister, or by another program
#     SCALE_SIZE="10000 30000 200000" tests/long/scale.sh [PROGRAM]    members, agreements and invoices of another size
#
# POSTGRES_OPTIONS are further options of the server.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
script=tests/long/scale.sh
. tests/debian.sh
. tests/postgres.sh

program=${1:-target/release/samregister}
[ -x "$program" ] || fail "$program is not there; build it, as with: cargo build --release"
need_postgres
cargo build --release --locked --example load
place=$PWD/target/synthetic
mkdir -p "$place/scale"
# Of a size that a small server has; statements that wait for the disk and the planner's statistics are as PostgreSQL's own defaults.
start_postgres "$place" "-c shared_buffers=1GB -c max_wal_size=4GB -c max_connections=100 ${POSTGRES_OPTIONS:-}"
rm -f "$place/scale/trail-key.pem"
# The files are too many for a small folder of temporary files.
export DATABASE_URL="$address" SAMREGISTER_TRAIL_KEY="$place/scale/trail-key.pem" TMPDIR="$place/scale"
cargo run --release --locked --example load -- "$program" scale
