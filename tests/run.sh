#!/usr/bin/env bash
# Runs every test, on SQLite and on PostgreSQL, from any working directory. Arguments go to `cargo test`:
#
#     tests/run.sh                          everything
#     tests/run.sh --test api members       the API tests about members
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

# The newest folder that has the server's programs.
find_postgres() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5 -rV) $(dirname "$(command -v pg_ctl || echo /none)"); do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && [ -x "$folder/postgres" ]; then
            echo "$folder"
            return
        fi
    done
}

command -v cargo >/dev/null || fail "cargo is not in PATH; install Rust, as https://rustup.rs tells"
programs=$(find_postgres)
if [ -z "$programs" ]; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        fail "PostgreSQL's server programs (initdb, pg_ctl, postgres) are neither in /usr/lib/postgresql nor in PATH; install them, as with: sudo apt-get install postgresql"
    say "PostgreSQL is missing; installing Debian's package"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends postgresql; } >&2 || fail "the package postgresql could not be installed"
    programs=$(find_postgres)
    [ -n "$programs" ] || fail "the package postgresql was installed, but its server programs are not in /usr/lib/postgresql"
fi
# What judges the files that the register writes.
checkers=$(tests/checkers.sh) || fail "the programs that judge files are missing"
version=$("$programs/postgres" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')

# PostgreSQL refuses to be run by root.
owner=$(id -un)
# Most tests get a database of their own there, hundreds of files to make and to remove: in memory, where that has room for it.
place=${TMPDIR:-/tmp}
memory=/dev/shm
if [ -z "${TMPDIR:-}" ] && [ -w "$memory" ] && [ "$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')" -gt $((4 << 20)) ]; then
    place=$memory
fi
folder=$(mktemp -d "$place/samregister-tests.XXXXXX")
if [ "$(id -u)" = 0 ]; then
    owner=postgres
    id "$owner" >/dev/null 2>&1 || owner=nobody
    chown "$owner" "$folder"
fi
as_owner() (
    cd "$folder" || fail "the user $owner can't reach $folder; unset TMPDIR"
    if [ "$(id -u)" != 0 ]; then
        "$@"
    elif command -v runuser >/dev/null; then
        runuser -u "$owner" -- "$@"
    else
        su "$owner" -s /bin/sh -c 'exec "$0" "$@"' -- "$@"
    fi
)

started=
clean_up() {
    local status=$?
    trap - EXIT
    if [ -n "$started" ]; then
        as_owner "$programs/pg_ctl" stop -D "$folder/data" -m immediate -w -s || say "the cluster in $folder did not stop"
    fi
    rm -rf "$folder"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Other users of this machine are kept out by the password.
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
(umask 077 && echo "$password" >"$folder/password")
[ "$(id -u)" != 0 ] || chown "$owner" "$folder/password"
locale=(--encoding=UTF8 --locale=C)
if [ "$version" -ge 15 ]; then
    # Swedish order by default, so that a text whose order must not depend on the server shows when it does.
    locale=(--encoding=UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=sv-SE)
fi
as_owner "$programs/initdb" -D "$folder/data" -U samregister -A password --pwfile="$folder/password" "${locale[@]}" --no-sync >"$folder/initdb.log" 2>&1 ||
    fail "initdb failed: $(cat "$folder/initdb.log")"

# Nothing here needs to survive a power cut. Autovacuum would now and then hold the database that others are copied from.
options="-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off -c max_connections=300 \
-c max_wal_size=1GB -c shared_buffers=256MB -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder"
for _ in $(seq 20); do
    port=$((RANDOM % 28000 + 20000))
    if as_owner "$programs/pg_ctl" start -D "$folder/data" -o "$options -c port=$port" -l "$folder/server.log" -w -s >/dev/null 2>&1; then
        started=yes
        break
    fi
    # Only a port that is taken is worth another try.
    grep -q 'could not bind' "$folder/server.log" 2>/dev/null || break
done
[ -n "$started" ] || fail "PostgreSQL did not start: $(cat "$folder/server.log" 2>/dev/null)"

say "PostgreSQL $version of $programs runs in $folder as $owner on port $port, until the tests are done"
export SAMREGISTER_TEST_CHECKERS="$checkers"
export SAMREGISTER_TEST_POSTGRES="postgres://samregister:$password@127.0.0.1:$port/postgres"
# Twice as many as there are cores: while one test waits for a database or a clock another works.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
cargo test --workspace --no-fail-fast "$@"
