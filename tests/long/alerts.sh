#!/usr/bin/env bash
# Checks the alert rules of deploy/prometheus by Debian's promtool: their syntax, and that each fires once when its cause is there and is
# silent without it.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
script=tests/long/alerts.sh
. tests/debian.sh

need prometheus promtool --version
rules=deploy/prometheus/alerts.yml
promtool check rules "$rules"
promtool test rules deploy/prometheus/alerts_test.yml
# A rule without its two tests would pass them.
for alert in $(sed -n 's/^ *- alert: //p' "$rules"); do
    for kind in fires 'is silent'; do
        grep -q "^  - name: $alert $kind\$" deploy/prometheus/alerts_test.yml || fail "no test says that $alert $kind"
    done
done
