"""Writes the bank's files: BgMax files of payments that came in, and camt.054 files of payments in and out."""

from money import kronor

GIRO = 50501055
IBAN = "SE4550000000058398257466"


def bgmax(deposits):
    """A BgMax file. Each deposit has a day, a serial number and rows with `reference` (may be empty), `amount` in öre and the bank's `number`."""
    lines, count = ["01BGMAX               0120260101120000000000P"], 0
    for on, serial, rows in deposits:
        lines.append(f"05{GIRO:010}          SEK")
        lines += [f"20{0:010}{row['reference']:<25}{row['amount']:018}21{row['number']:012}0" for row in rows]
        total, count = sum(row["amount"] for row in rows), count + len(rows)
        lines.append(f"15{5841000:035}{on:%Y%m%d}{serial % 100000:05}{total:018}SEK{len(rows):08}")
    lines.append(f"70{count:08}{0:08}{0:08}{len(deposits):08}")
    return ("\n".join(line.ljust(80) for line in lines) + "\n").encode("latin-1")


def camt(name, rows):
    """A camt.054 file of the own IBAN. Rows have a day `on`; those below zero go out. They have a `reference` (OCR) or a `text`."""
    entries = []
    for row in rows:
        words = f"<Strd><CdtrRefInf><Ref>{row['reference']}</Ref></CdtrRefInf></Strd>" if row["reference"] else f"<Ustrd>{row['text']}</Ustrd>"
        entries.append(
            f"<Ntry><Amt Ccy=\"SEK\">{kronor(abs(row['amount']))}</Amt><CdtDbtInd>{'CRDT' if row['amount'] > 0 else 'DBIT'}</CdtDbtInd>"
            f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{row['on']}</Dt></BookgDt><AcctSvcrRef>TX-{row['number']}</AcctSvcrRef>"
            f"<NtryDtls><TxDtls><RmtInf>{words}</RmtInf></TxDtls></NtryDtls></Ntry>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn>'
        f"<Ntfctn><Id>{name}</Id><Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>{''.join(entries)}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    ).encode()
