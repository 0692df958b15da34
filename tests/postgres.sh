# A PostgreSQL server of their own for scripts that need one. To be sourced after `say` and `fail` are defined.

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

# need_postgres: sets `programs`, the folder of the server's programs, and `version`. When there are none, root gets the package
# installed and any other user a message.
need_postgres() {
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
    version=$("$programs/postgres" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
}

# need_pgbouncer: installs PgBouncer for root when it is missing; any other user gets a message.
need_pgbouncer() {
    [ ! -x /usr/sbin/pgbouncer ] && ! command -v pgbouncer >/dev/null || return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        fail "PgBouncer is neither in /usr/sbin nor in PATH; install it, as with: sudo apt-get install pgbouncer"
    say "PgBouncer is missing; installing Debian's package"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends pgbouncer; } >&2 || fail "the package pgbouncer could not be installed"
}

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

# Stops and removes the server with the script, whatever ends that.
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

# start_postgres PLACE OPTIONS: starts a server in a new folder below PLACE, by a user that is not root, with these options, and sets
# `address` to that of its database postgres. Needs need_postgres.
start_postgres() {
    local place=$1 options=$2 password locale port
    # PostgreSQL refuses to be run by root.
    owner=$(id -un)
    folder=$(mktemp -d "$place/samregister-tests.XXXXXX")
    if [ "$(id -u)" = 0 ]; then
        owner=postgres
        id "$owner" >/dev/null 2>&1 || owner=nobody
        chown "$owner" "$folder"
    fi
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

    options="$options -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder"
    for _ in $(seq 20); do
        # Neither one that tests start servers on (instance.rs), nor one that the system gives to connections.
        port=$((RANDOM % 2700 + 30000))
        if as_owner "$programs/pg_ctl" start -D "$folder/data" -o "$options -c port=$port" -l "$folder/server.log" -w -s >/dev/null 2>&1; then
            started=yes
            break
        fi
        # Only a port that is taken is worth another try.
        grep -q 'could not bind' "$folder/server.log" 2>/dev/null || break
    done
    [ -n "$started" ] || fail "PostgreSQL did not start: $(cat "$folder/server.log" 2>/dev/null)"
    say "PostgreSQL $version of $programs runs in $folder as $owner on port $port, until the script is done"
    address="postgres://samregister:$password@127.0.0.1:$port/postgres"
}
