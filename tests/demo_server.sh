# A register of the demo for scripts that ask one. To be sourced after debian.sh, with `script` set.

# The server's process; empty until it is started.
server=

# Ends the server with the script, whatever ends that.
end_server() {
    local status=$?
    trap - EXIT
    [ -z "$server" ] || kill "$server" 2>/dev/null || say "the server had stopped"
    exit "$status"
}
trap end_server EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# serve_demo PROGRAM FOLDER: starts the program's demo on a free port, with what it says in server.out and server.err of the folder, waits
# until it listens, and exports its address as SAMREGISTER_URL.
serve_demo() {
    local program=$1 folder=$2
    "$program" serve --demo --bind 127.0.0.1:0 >"$folder/server.out" 2>"$folder/server.err" 9>&- &
    server=$!
    for _ in $(seq 300); do
        grep -q 'Samregister listens' "$folder/server.err" && break
        kill -0 "$server" 2>/dev/null || fail "the server did not start: $(cat "$folder/server.err")"
        sleep 0.2
    done
    SAMREGISTER_URL=$(sed -n 's|^API *\(http://[^ ]*\)/graphql$|\1|p' "$folder/server.out")
    [ -n "$SAMREGISTER_URL" ] || fail "the server gave no address: $(cat "$folder/server.out" "$folder/server.err")"
    # The register is this machine's, whatever way leads out of it.
    export SAMREGISTER_URL NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
}

# token_of ROLE FOLDER: the token that the demo gave for a role.
token_of() {
    local token
    # A role that is of something says of what, as «MEMBER of …».
    token=$(sed -nE "/^$1( |\$)/{n;s/ //gp;}" "$2/server.out")
    [ -n "$token" ] || fail "the server gave no token of $1: $(cat "$2/server.out" "$2/server.err")"
    printf '%s\n' "$token"
}
