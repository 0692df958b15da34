#!/usr/bin/env bash
# Checks deploy/grafana/dashboard.json by Grafana's own schema, and asks Debian's Prometheus, which scrapes a demo, each query of its panels:
# each must be answered with data. The alert rules are evaluated too.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
script=tests/long/dashboard.sh
. tests/debian.sh
. tests/demo_server.sh

need prometheus prometheus --version
need npm npm --version
need python3 python3 --version
target=${CARGO_TARGET_DIR:-target}
program=${PROGRAM:-$target/debug/samregister}
[ -x "$program" ] || fail "$program is not there; build it, as with: cargo build"
mkdir -p "$target/dashboard"
folder=$(cd "$target/dashboard" && pwd)

say "the dashboard against Grafana's schema"
if ! cmp -s tests/long/dashboard/package-lock.json "$folder/installed"; then
    cp tests/long/dashboard/package.json tests/long/dashboard/package-lock.json "$folder"
    (cd "$folder" && npm ci --silent --no-audit --no-fund)
    cp tests/long/dashboard/package-lock.json "$folder/installed"
fi
cp tests/long/dashboard/schema.mjs "$folder"
dashboard=$PWD/deploy/grafana/dashboard.json
(cd "$folder" && node schema.mjs "$dashboard")

serve_demo "$program" "$folder"
prometheus=
end() {
    [ -z "$prometheus" ] || kill "$prometheus" 2>/dev/null || true
    end_server
}
trap end EXIT
rm -rf "$folder/series"
cat >"$folder/prometheus.yml" <<CONFIG
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["$PWD/deploy/prometheus/alerts.yml"]
scrape_configs:
  - job_name: samregister
    static_configs: [{ targets: ["${SAMREGISTER_URL#http://}"] }]
CONFIG
port=$((RANDOM % 20000 + 20000))
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/series" --web.listen-address="127.0.0.1:$port" \
    >"$folder/prometheus.out" 2>&1 &
prometheus=$!
SAMREGISTER_TOKEN=$(token_of OFFICE "$folder")
export SAMREGISTER_TOKEN
python3 tests/long/dashboard/panels.py "http://127.0.0.1:$port" "$dashboard" || {
    tail -n 20 "$folder/prometheus.out" >&2
    fail "not each panel has data"
}
