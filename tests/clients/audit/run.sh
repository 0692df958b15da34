#!/usr/bin/env bash
# Holds a running register against "GraphQL over HTTP": SAMREGISTER_URL and SAMREGISTER_TOKEN say where it is and who asks. Everything is
# installed below target/clients/audit, where the result is as well (audit.json). Exits with 1 when a MUST or a SHOULD fails.
set -euo pipefail
own=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
there=$(cd "$own/../../.." && pwd)/target/clients/audit
mkdir -p "$there"
cp "$own"/{package.json,package-lock.json,audit.mjs} "$there"
cd "$there"
[ -d node_modules/graphql-http ] && cmp -s package-lock.json installed.json || { npm ci --no-audit --no-fund --silent && cp package-lock.json installed.json; }
node audit.mjs
