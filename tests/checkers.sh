#!/usr/bin/env bash
# Prints a folder of programs, made by others, that judge the files which the register writes. The tests ask them.
#
# From Debian: qpdf and pdfinfo (of poppler-utils), python3 with python3-venv. From PyPI: pdfua and outloud for PDFs, saxonche and lxml for
# Peppol's rules.
#
# Those in Python are listed, with their versions, in the files of tests/checkers/. Each list has a virtual environment of its name in
# the folder, so that `pdf.txt` gives `pdf/bin/pdfua`; they are made once below the target folder, and again when a list changes.
# qpdf and pdfinfo are looked for in PATH. What is missing, root gets from Debian's packages and any other user a message.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

script=tests/checkers.sh
. tests/debian.sh

need qpdf qpdf --version
need poppler-utils pdfinfo -v
need python3 python3 --version
need python3-venv python3 -c 'import ensurepip, venv'

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
lists=(tests/checkers/*.txt)
[ -e "${lists[0]}" ] || fail "there are no lists in tests/checkers"
# A folder for each state of the lists, so that worktrees which share a target folder leave each other's alone.
state=$({ python3 --version && cat "${lists[@]}"; } | sha256sum | cut -c1-12)
folder=$target/checkers/$state

# One at a time: others wait, and find it made.
mkdir -p "$target/checkers"
if command -v flock >/dev/null; then
    exec 9>"$target/checkers/.lock"
    flock 9
fi
if [ ! -e "$folder/complete" ]; then
    say "making $folder of ${lists[*]}"
    rm -rf "$folder"
    for list in "${lists[@]}"; do
        environment=$folder/$(basename "$list" .txt)
        python3 -m venv "$environment" >&2 || fail "python3 can't make the virtual environment $environment"
        "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$list" >&2 ||
            fail "pip could not install $list; the tests that ask its programs can't be run without"
    done
    touch "$folder/complete"
fi
echo "$folder"
