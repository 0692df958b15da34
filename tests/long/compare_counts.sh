#!/usr/bin/env bash
# compare_counts.sh KNOWN COUNTS: compares counts, a name and a number a line, with those that are known. Prints both, and fails when one is
# more than ten per cent larger than it was, is not known, or was not counted. A third number is a goal, which is printed if it is missed.
set -euo pipefail
[ $# = 2 ] || { echo "usage: compare_counts.sh KNOWN COUNTS" >&2 && exit 2; }
known=$1 counts=$2
if [ ! -e "$known" ]; then
    echo "there is no $known to compare with; UPDATE_CALLGRIND=1 writes it" >&2
    known=/dev/null
fi
awk -v known="$known" '
    BEGIN {
        while ((getline line <known) > 0) {
            split(line, field, " ")
            before[field[1]] = field[2]
        }
    }
    NF >= 2 {
        counted[$1] = 1
        verdict = "ok"
        if (!($1 in before)) verdict = "NOT KNOWN"
        else if ($2 > before[$1] * 1.1) verdict = "GREW"
        if (verdict != "ok") failed = 1
        goal = NF > 2 && $2 > $3 ? sprintf(", goal %.0f", $3) : ""
        printf "%-12s %14.0f instructions, before %14s, ratio %s  %s%s\n", $1, $2, ($1 in before ? before[$1] : "-"), \
            ($1 in before && before[$1] > 0 ? sprintf("%.3f", $2 / before[$1]) : "-"), verdict, goal
    }
    END {
        for (name in before) if (!(name in counted)) {
            printf "%-12s was not counted\n", name
            failed = 1
        }
        exit failed
    }' "$counts"
