#!/usr/bin/env bash
# Gets the checkers of others' formats in tests/checkers ready, and prints the Python that runs them. What they need of Python's
# packages stands in their requirements.txt; it is installed once for each set of them, into the folder of what is built.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'tests/checkers.sh: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

can_make_environments() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

requirements=()
for file in tests/checkers/*/requirements.txt; do requirements+=(-r "$file"); done
digest=$(cat tests/checkers/*/requirements.txt | sha256sum | cut -c1-16)
folder=$(realpath -m "${CARGO_TARGET_DIR:-target}")/checkers
environment=$folder/$digest
mkdir -p "$folder"
# Of several that run at once, one installs and the others wait.
exec 9>"$folder/lock"
flock 9
if [ ! -e "$environment/ready" ]; then
    if ! can_make_environments; then
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
            fail "Python 3 with its modules venv and ensurepip is missing; install it, as with: sudo apt-get install python3-venv"
        say "Python's module venv is missing; installing Debian's package"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv; } >&2 || fail "the package python3-venv could not be installed"
        can_make_environments || fail "the package python3-venv was installed, but Python still can't make environments"
    fi
    say "installing what the checkers in tests/checkers need"
    python3 -m venv --clear "$environment" >&2 || fail "$environment could not be made"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "${requirements[@]}" >&2 ||
        fail "the packages of tests/checkers/*/requirements.txt could not be installed"
    touch "$environment/ready"
fi
echo "$environment/bin/python"
