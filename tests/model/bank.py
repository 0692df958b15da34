"""Writes BgMax files, which report payments that came in."""

GIRO = 50501055


def bgmax(booked_on, serial, rows):
    """A BgMax file of one deposit. Each row has a `reference` (may be empty) and an `amount` in öre."""
    lines = ["01BGMAX               0120260101120000000000P", f"05{GIRO:010}          SEK"]
    for index, row in enumerate(rows):
        lines.append(f"20{0:010}{row['reference']:<25}{row['amount']:018}21{serial * 1000 + index:012}0")
    total = sum(row["amount"] for row in rows)
    lines.append(f"15{5841000:035}{booked_on:%Y%m%d}{serial % 100000:05}{total:018}SEK{len(rows):08}")
    lines.append(f"70{len(rows):08}{0:08}{0:08}{1:08}")
    return "\n".join(line.ljust(80) for line in lines) + "\n"
