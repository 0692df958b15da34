#!/usr/bin/env bash
# Runs real clients against the program that is built, from any working directory, and prints a line for each:
#
#     tests/clients/run.sh                  all of them
#     tests/clients/run.sh apollo python    these
#
# The program serves its demo for them. With SAMREGISTER_URL and SAMREGISTER_TOKEN (of the role OFFICE) set they ask that register instead;
# it must be one for trying, since they change it, have Relay's documents, and allow pages of http://pages.localhost. What they need is made
# below the target folder, of the versions that the lists here name: nothing is left in the tree. Node.js 20, Chromium and Python are looked
# for in PATH; root gets Debian's packages where they are missing.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
script=tests/clients/run.sh
. tests/debian.sh
. tests/demo_server.sh

clients=("$@")
[ $# != 0 ] || clients=(apollo browser urql relay explorer phone python rust audit)
wanted() { [[ " ${clients[*]} " =~ \ ($1)\  ]]; }
for client in "${clients[@]}"; do
    [[ "$client" =~ ^(apollo|browser|urql|relay|explorer|phone|python|rust|audit)$ ]] || fail "there is no client «$client»"
done

target=${CARGO_TARGET_DIR:-target}
program=$target/debug/samregister
[ -n "${SAMREGISTER_URL:-}" ] || [ -x "$program" ] || fail "$program is not there; build it, as with: cargo build"
if wanted 'apollo|browser|urql|relay|explorer|phone|audit'; then
    need nodejs node --version
    need npm npm --version
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || fail "node is $(node --version), and the clients need 20 or later; see https://nodejs.org"
fi
if wanted 'browser|explorer|phone' && [ -z "${CHROMIUM:-}" ]; then
    need chromium chromium --version
    CHROMIUM=$(command -v chromium)
    export CHROMIUM
fi
if wanted python; then
    need python3 python3 --version
    need python3-venv python3 -c 'import ensurepip, venv'
fi
if wanted rust; then
    command -v cargo >/dev/null || fail "cargo is not in PATH; install Rust, as https://rustup.rs tells"
fi

mkdir -p "$target/clients"
folder=$(cd "$target/clients" && pwd)
# One at a time: others wait.
if command -v flock >/dev/null; then
    exec 9>"$folder/.lock"
    flock 9
fi
. tests/clients/python.sh

# The documents' types and artifacts are made of schema.graphql; the compiler builds no client whose types are not right.
prepare_node() (
    mkdir -p "$folder/node"
    find "$folder/node" -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -r {} +
    cp -r schema.graphql tests/clients/{package.json,package-lock.json,codegen.ts,relay.config.json,tsconfig.json,errors.ts,register.ts,revision.ts,sent.ts,sha256.ts,apollo,urql,relay,explorer,phone} "$folder/node"
    cd "$folder/node"
    PATH=$PWD/node_modules/.bin:$PATH
    once package-lock.json node_modules/.installed npm ci --ignore-scripts --no-audit --no-fund --loglevel=error &&
        graphql-codegen && echo '{}' >relay/persisted.json && relay-compiler && tsc &&
        esbuild built/apollo/page.js --bundle --global-name=client --define:process.env.NODE_ENV='"production"' --log-level=warning \
            --outfile=built/apollo/page.bundle.js
)
prepare_rust() {
    cargo fmt --manifest-path tests/clients/rust/Cargo.toml --check &&
        cargo build --quiet --locked --manifest-path tests/clients/rust/Cargo.toml --target-dir "$folder/rust"
}

declare -A prepared
began=$SECONDS
! wanted 'apollo|browser|urql|relay|explorer|phone' || { prepare_node >"$folder/node.log" 2>&1 & prepared[node]=$!; }
! wanted python || { prepare_python >"$folder/python.log" 2>&1 & prepared[python]=$!; }
! wanted rust || { prepare_rust >"$folder/rust.log" 2>&1 & prepared[rust]=$!; }
for language in "${!prepared[@]}"; do
    wait "${prepared[$language]}" || { say "the clients in $language could not be made:"; cat "$folder/$language.log" >&2; exit 1; }
done
say "made what the clients need in $((SECONDS - began)) s"

if [ -z "${SAMREGISTER_URL:-}" ]; then
    # The documents that relay-compiler wrote.
    ! wanted relay || export SAMREGISTER_DOCUMENTS=$folder/node/relay/persisted.json
    # The origin of the page of apollo/browser.ts.
    ! wanted browser || export SAMREGISTER_CORS_ORIGINS=http://pages.localhost
    serve_demo "$program" "$folder"
    SAMREGISTER_TOKEN=$(token_of OFFICE "$folder")
    export SAMREGISTER_TOKEN
fi
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

failed=0
for client in "${clients[@]}"; do
    case $client in
    python) run=("$folder/python/bin/python" tests/clients/python/run.py) ;;
    rust) run=("$folder/rust/debug/samregister-client") ;;
    # No client to learn from: the suite of graphql-http, which holds the server against the specification.
    audit) run=(tests/clients/audit/run.sh) ;;
    # Nor this: a browser that looks at agreements as a phone shows them.
    phone) run=(node "$folder/node/phone/run.mjs") ;;
    # Apollo Client in a page of another origin.
    browser) run=(node "$folder/node/built/apollo/browser.js") ;;
    *) run=(node "$folder/node/built/$client/run.js") ;;
    esac
    began=$SECONDS
    status=0
    said=$(timeout 60 "${run[@]}" 2>&1) || status=$?
    [ "$status" != 124 ] || said+=$'\nhad not come to an end after 60 s'
    verdict=ok
    [ "$status" = 0 ] || { verdict=FAILED && failed=1; }
    printf '%-8s %-6s %3d s  %s\n' "$client" "$verdict" $((SECONDS - began)) "$said"
done
exit "$failed"
