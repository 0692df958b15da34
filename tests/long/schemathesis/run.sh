#!/usr/bin/env bash
# Asks a register of the demo what Schemathesis draws from the schema, as each role, and fails at any answer with an error of the
# program's own. SECONDS_EACH is the time for each role.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
script=tests/long/schemathesis/run.sh
. tests/debian.sh
. tests/demo_server.sh

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

# A budget is for strangers; here one subject asks as fast as it can.
export SAMREGISTER_INTROSPECTION=true SAMREGISTER_MAX_COST_PER_MINUTE=0
serve_demo "$program" "$folder"
export SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$PWD/tests/long/schemathesis HYPOTHESIS_STORAGE_DIRECTORY=$folder/hypothesis
# It writes what it remembers to the working directory.
cd "$folder"

failed=0
for role in OFFICE FINANCE MEMBER ACTIVITY_LEAD AUDITOR; do
    SAMREGISTER_TOKEN=$(token_of "$role" "$folder")
    export SAMREGISTER_TOKEN
    say "as $role, ${SECONDS_EACH:-120} s"
    "$folder/python/bin/schemathesis" run "$SAMREGISTER_URL/graphql" -H "Authorization: Bearer $SAMREGISTER_TOKEN" --checks no_internal_error \
        --phases fuzzing --max-time "${SECONDS_EACH:-120}" --continue-on-failure --max-failures 20 --warnings off --generation-database "$folder/examples" || failed=1
    kill -0 "$server" 2>/dev/null || fail "the server died: $(tail -n 20 "$folder/server.err")"
done
exit "$failed"
