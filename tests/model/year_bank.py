"""Draws what the bank's files tell of a drawn year's payments, and books their rows."""

from datetime import timedelta

from model import Record
from money import ocr

class Bank:
    """Rows of the bank's files, drawn for a year and not yet told to the register."""

    def __init__(self, year):
        self.year, self.random, self.books = year, year.random, year.books
        self.numbers, self.serials, self.amounts = 700_000_000, 0, set()

    def row(self, on, amount, reference="", claim=None, kind="OCR", **more):
        """A row of a file to come. `kind` is the finding to be expected, or LINKED for money that was recorded before."""
        self.numbers += 1
        return Record(on=on, amount=amount, reference=reference, claim=claim, kind=kind, number=self.numbers, text="", link=None, **more)

    def lone_amount(self):
        """An amount that no other row without a reference has."""
        while True:
            amount = self.random.randint(20_000, 5_000_000)
            if amount not in self.amounts:
                self.amounts.add(amount)
                return amount

    def of_claim(self, claim, first=None):
        """The rows that pay an invoice: whole, in parts, by öre too little or too much, far too much, before its issue."""
        first, left = first or claim.issued, self.books.left(claim)
        on = self.year.day(first, min(self.year.last, first + timedelta(days=75)))
        row = lambda on, amount, kind="OCR": self.row(on, amount, ocr(claim.number), claim, kind)
        if left < 1_000:
            return []
        shape = self.random.choice(["whole"] * 6 + ["parts", "parts", "part", "öre", "öre", "much", "twice", "early"])
        if shape == "whole":
            return [row(on, left)]
        if shape in ("parts", "part"):
            part = self.random.randint(300, left - 300)
            later = self.year.day(on, min(self.year.last, on + timedelta(days=40)))
            return [row(on, part)] + ([row(later, left - part)] if shape == "parts" else [])
        if shape == "öre":
            return [row(on, left + self.random.choice([-1, 1]) * self.random.randint(1, 99))]
        if shape == "much":
            return [row(on, left + self.random.randint(100, 700_000))]
        # Closer together, by files of both accounts, they might be the same money.
        again = on + timedelta(days=8)
        if shape == "twice" and again <= self.year.last:
            return [row(on, left), row(self.year.day(again, self.year.last), left)]
        before = claim.issued - timedelta(days=self.random.randint(1, 9))
        return [row(before, left, "BEFORE_ISSUE")] if before >= self.year.first else [row(on, left)]

    def strays(self, count, first, last):
        """Rows that name no invoice."""
        for _ in range(count):
            reference = self.random.choice(["", "", "99999999995", "7777700"])
            finding = "UNKNOWN_REFERENCE" if reference else "NO_REFERENCE"
            yield self.row(self.year.day(first, last), self.lone_amount(), reference, None, finding)

    def twins(self, claims):
        """Rows of payments that the import brought: of the same day, which are linked, and of a day close by, which wait."""
        for claim in claims:
            true = [p for p in claim.payments if not p.reverses and not p.is_reversed]
            if len(true) != 1 or len(claim.payments) != 1 or abs(self.books.left(claim)) in range(1, 100):
                continue
            payment, apart = true[0], self.random.choice([0, 0, 2])
            on = payment.on + timedelta(days=apart)
            if on <= self.year.last:
                row = self.row(on, payment.amount, ocr(claim.number), claim, "AMBIGUOUS" if apart else "LINKED")
                row.link = payment
                yield row

    def book(self, row):
        """Books a row that the register has taken in, as what becomes of it by rule."""
        own = self.books.receive(row.number, row.on, row.amount)
        own.told = row
        if row.kind == "OCR":
            self.books.pay(row.claim, row.on, row.amount, row=own)
            self.books.settle(row.claim)
        elif row.kind == "LINKED":
            self.books.link(own, row.link)
        elif row.kind == "REFUND":
            self.books.refund(row.claim, row.on, -row.amount, own)
            self.books.settle(row.claim)
        return own

    def deposits(self, rows):
        """Groups rows by day into deposits."""
        by_day = {}
        for row in rows:
            by_day.setdefault(row.on, []).append(row)
        found = []
        for on, of_day in sorted(by_day.items()):
            self.serials += 1
            found.append((on, self.serials, of_day))
        return found
