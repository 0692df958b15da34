"""Compares two schemas. Prints each breaking change that no changelog names, and exits with 1.

    compare.py BEFORE.graphql AFTER.graphql CHANGELOG.md

A change is named if the newest section of the changelog that has a heading "Breaking" names the
changed type or field below it, as `Member.county`.
"""

import re
import sys
from pathlib import Path

from graphql import build_schema, find_breaking_changes


def schema(path):
    return build_schema(Path(path).read_text(encoding="utf-8"), assume_valid=True)


def named(changelog):
    """Returns the text below the headings "Breaking" of the changelog's first section."""
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    newest = sections[1] if len(sections) > 1 else ""
    parts = re.split(r"^(#{3,} .*)$", newest, flags=re.MULTILINE)
    headings = zip(parts[1::2], parts[2::2])
    return "\n".join(text for heading, text in headings if "breaking" in heading.lower())


def coordinate(description):
    """Returns the changed type or field: the first name with a dot, else the first type."""
    names = re.findall(r"\b[A-Za-z_]\w*\.\w+|\b[A-Z]\w*", description)
    return next((name for name in names if "." in name), names[0] if names else description)


def main(before, after, changelog):
    text = named(Path(changelog).read_text(encoding="utf-8"))
    unnamed = [
        change
        for change in find_breaking_changes(schema(before), schema(after))
        if not re.search(rf"(?<![\w.]){re.escape(coordinate(change.description))}(?!\.?\w)", text)
    ]
    for change in unnamed:
        print(f"{change.type.name}: {change.description}")
    return 1 if unnamed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
