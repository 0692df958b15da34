#!/usr/bin/env bash
# Asks a register of the demo what Schemathesis draws from the schema, as each role, and fails at any answer with an error of the
# program's own. SECONDS_EACH is the time for each role.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
script=tests/long/schemathesis/run.sh
. tests/debian.sh

need python3 python3 --version
need python3-venv python3 -c 'import ensurepip, venv'
target=${CARGO_TARGET_DIR:-target}
program=${PROGRAM:-$target/debug/samregister}
[ -x "$program" ] || fail "$program is not there; build it, as with: cargo build"
list=tests/long/schemathesis/requirements.txt
mkdir -p "$target/schemathesis"
folder=$(cd "$target/schemathesis" && pwd)
if ! cmp -s "$list" "$folder/installed"; then
    python3 -m venv --clear "$folder/python"
    "$folder/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
    cp "$list" "$folder/installed"
fi

server=
clean_up() {
    local status=$?
    trap - EXIT
    [ -z "$server" ] || kill "$server" 2>/dev/null || say "the server had stopped"
    exit "$status"
}
trap clean_up EXIT
# A budget is for strangers; here one subject asks as fast as it can.
export SAMREGISTER_INTROSPECTION=true
"$program" serve --demo --bind 127.0.0.1:0 >"$folder/server.out" 2>"$folder/server.err" &
server=$!
for _ in $(seq 300); do
    grep -q 'Samregister listens' "$folder/server.err" && break
    kill -0 "$server" 2>/dev/null || fail "the server did not start: $(cat "$folder/server.err")"
    sleep 0.2
done
SAMREGISTER_URL=$(sed -n 's|^API *\(http://[^ ]*\)/graphql$|\1|p' "$folder/server.out")
token_of() { sed -n "/^$1/{n;s/ //gp;}" "$folder/server.out"; }
export SAMREGISTER_URL NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
export SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$PWD/tests/long/schemathesis HYPOTHESIS_STORAGE_DIRECTORY=$folder/hypothesis

failed=0
for role in OFFICE FINANCE MEMBER ACTIVITY_LEAD AUDITOR; do
    SAMREGISTER_TOKEN=$(token_of "$role")
    export SAMREGISTER_TOKEN
    say "as $role, ${SECONDS_EACH:-120} s"
    "$folder/python/bin/schemathesis" run "$SAMREGISTER_URL/graphql" -H "Authorization: Bearer $SAMREGISTER_TOKEN" --checks no_internal_error \
        --phases fuzzing --max-time "${SECONDS_EACH:-120}" --continue-on-failure --max-failures 20 --warnings off --generation-database "$folder/examples" || failed=1
    kill -0 "$server" 2>/dev/null || fail "the server died: $(tail -n 20 "$folder/server.err")"
done
exit "$failed"
