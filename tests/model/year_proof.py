"""Proves the books of a drawn year: the SIE file, the receivables, the VAT return and the revenue against each other and against the model."""

import csv
import io
import json
import re
from datetime import date

from dates import last_of_month, swedish_today
from money import kronor, ore
from year_books import BANK, OBSERVATION, RECEIVABLES, sums

TRANS = re.compile(r'#TRANS (\d+) \{(?:6 "([^"]*)")?\} (-?\d+\.\d\d)')


def read_sie(data):
    """The transactions of a SIE file: day, account, project and öre."""
    found, on = [], None
    for line in data.decode("cp437").splitlines():
        if line.startswith("#VER "):
            digits = re.match(r'#VER "\w*" "?\d*"? (\d{8})', line)[1]
            on = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        elif line.startswith("#TRANS "):
            account, project, amount = TRANS.match(line).groups()
            found.append((on, account, project or "", ore(amount)))
    return found


class Proof:
    """The reports of a register, and where they differ."""

    def __init__(self, program, year, client):
        self.program, self.year, self.books, self.client = program, year, year.books, client
        self.found, self.values, self.rows = [], 0, []
        self.sie = program.run("sie", "--from", f"{year.year}-01-01", "--to", str(swedish_today()))
        self.booked = read_sie(self.sie)

    def compare(self, title, expected, actual):
        """Notes where two tables of amounts differ."""
        for key in sorted(set(expected) | set(actual)):
            self.values += 1
            if expected.get(key, 0) != actual.get(key, 0):
                self.found.append(f"{title}, {key}: expected {kronor(expected.get(key, 0))}, the register has {kronor(actual.get(key, 0))}")

    def table(self, *arguments):
        """The rows of a report as CSV."""
        return list(csv.DictReader(io.StringIO(self.program.run(*arguments, "--format", "csv").decode())))

    def accounts(self, until):
        return sums((account, amount) for on, account, _, amount in self.booked if on <= until)

    def differences(self):
        """Every difference at the twelve month ends, and today."""
        ends = [last_of_month(date(self.year.year, month, 1)) for month in range(1, 13)]
        for end in ends:
            self.month(end)
        self.balances(swedish_today(), "today")
        self.members(ends)
        self.revenue(ends)
        self.documents()
        self.program.run("verify")
        return self.found

    def balances(self, end, title):
        """Accounts, receivables by invoice and by buyer, and what the bank had, at the end of a day."""
        own, file = self.books.accounts(end), self.accounts(end)
        self.compare(f"{title}: account", own, file)
        by_invoice = {row["number"]: ore(row["balance"]) for row in self.table("receivables", "--as-of", str(end))}
        self.compare(f"{title}: receivables of invoice", self.books.receivables(end), by_invoice)
        total = sum(by_invoice.values())
        by_buyer = sum(ore(row["balance"]) for row in self.table("receivables", "--as-of", str(end), "--by", "buyer"))
        self.compare(f"{title}: receivables", {RECEIVABLES: file.get(RECEIVABLES, 0), "by buyer": total}, {RECEIVABLES: total, "by buyer": by_buyer})
        rows = [row for row in self.books.rows.values() if not row.is_duplicate and row.posted <= end]
        recorded = sum(p.amount for claim in self.books.claims.values() for p in claim.payments if not p.row and p.booked <= end)
        # What stands on the observation account: what had come by then, less what was matched of it by then.
        matched = sum(amount for row in self.books.rows.values() for booked, amount in row.parts if booked <= end)
        # Money of a payment that was booked elsewhere came on that payment's day.
        moved = [moved for row in self.books.rows.values() for moved in row.moved]
        came = sum(row.amount for row in rows) + sum(amount for _, booked, amount in moved if booked <= end) - sum(amount for posted, _, amount in moved if posted <= end)
        bank = came + recorded - sum(amount for booked, amount in self.books.paid_back if booked <= end)
        waits = came - matched
        self.compare(f"{title}: the bank's rows", {BANK: bank, OBSERVATION: -waits}, {key: file.get(key, 0) for key in (BANK, OBSERVATION)})
        self.rows.append((title, file.get(RECEIVABLES, 0), file.get(BANK, 0), file.get(OBSERVATION, 0)))

    def month(self, end):
        """A month: its last day's balances and the boxes of its VAT return."""
        self.balances(end, f"{end:%Y-%m}")
        first = end.replace(day=1)
        span = ("--from", str(first), "--to", str(end))
        answer = json.loads(self.program.run("vat-return", *span, "--format", "json", "--check"))
        for column in ("vouchers", "invoices"):
            boxes = {row["box"]: ore(str(row[column])) for row in answer if row["box"].isdigit()}
            self.compare(f"{end:%Y-%m}: VAT return by {column}, box", self.books.boxes(first, end), boxes)

    def members(self, ends):
        """Receivables of each member, in the API, at every month end."""
        asked = " ".join(f'on{i}: receivables(asOf: "{end}") {{ balance }}' for i, end in enumerate(ends))
        nodes = self.client.every("FINANCE", "members", "", f"name {asked}")
        names = {row[0]: row[1] for row in self.year.files["members"]}
        for index, end in enumerate(ends):
            expected = sums((names[self.books.claims[number].buyer], left) for number, left in self.books.receivables(end).items() if self.books.claims[number].buyer in names)
            self.compare(f"{end:%Y-%m}: receivables of member", expected, {node["name"]: ore(node[f"on{index}"]["balance"]) for node in nodes})

    def revenue(self, ends):
        """Revenue by activity and month: the model's, the report's and what the SIE file has on the accounts of revenue."""
        first, last = f"{self.year.year}-01-01", str(self.year.last)
        rows = self.table("revenue", "--from", first, "--to", last, "--group-by", "activity", "month")
        for end in ends:
            start = end.replace(day=1)
            expected = self.books.revenue(start, end)
            report = sums((row["activity"], ore(row["net"])) for row in rows if row["period"] == f"{end:%Y-%m}")
            self.compare(f"{end:%Y-%m}: revenue", expected, report)
            earned = lambda account: account[0] == "3" and account not in ("3740", "3990") or account == "8313"
            file = sums((project, -amount) for on, account, project, amount in self.booked if start <= on <= end and earned(account))
            self.compare(f"{end:%Y-%m}: accounts of revenue, project", expected, file)

    def documents(self):
        """Every document has its voucher."""
        count = self.sie.count(b'#VER "F"')
        own = len(self.books.claims) + sum(len(claim.credits) for claim in self.books.claims.values())
        self.compare("documents", {"vouchers": own}, {"vouchers": count})

    def summary(self):
        """A line for each day on which the balances were proved."""
        heads = ["", RECEIVABLES, BANK, OBSERVATION]
        lines = ["  ".join(f"{cell:>16}" for cell in heads)]
        lines += ["  ".join(f"{cell:>16}" for cell in (title, *map(kronor, amounts))) for title, *amounts in self.rows]
        return "\n".join(lines)
