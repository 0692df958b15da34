"""Keeps the books of a drawn year as `docs/payments.md` and `docs/invoices.md` state them: which account changes on which day."""

from fractions import Fraction

from dates import DAY
from model import Record
from money import half_up, sums_by_rate, vat_of

RECEIVABLES, BANK, OBSERVATION, ROUNDING, REMINDERS, INTEREST = "1510", "1930", "2890", "3740", "3990", "8313"
REVENUE = {"STANDARD_25": "3041", "REDUCED_12": "3042", "REDUCED_6": "3043", "EXEMPT": "3044", "OUTSIDE_SCOPE": "3044", "ZERO": "3044"}
VAT = {"STANDARD_25": "2611", "REDUCED_12": "2621", "REDUCED_6": "2631"}
BOXES = {"3041": "05", "3042": "05", "3043": "05", "3044": "42", "3308": "39", "3305": "40", "2611": "10", "2621": "11", "2631": "12"}
# A difference up to this is written off, in öre.
LIMIT = 99


def to_kronor(amount):
    """What an amount lacks to whole kronor, in öre."""
    return half_up(Fraction(amount, 100)) * 100 - amount


class Books:
    """The postings of every document, and what each invoice and each bank row has left."""

    def __init__(self):
        self.postings, self.claims, self.rows, self.closed = [], {}, {}, None
        # Refunds that no row of the bank's files tells of: day in the books and amount.
        self.paid_back = []

    def post(self, on, account, amount, claim=None, project=None):
        """Adds one posting in öre; debit is above zero."""
        if amount:
            self.postings.append((on, account, amount, claim and claim.number, project))

    def transfer(self, on, to, source, amount, claim):
        """Moves an amount from one account to another."""
        self.post(on, to, amount, claim if to == RECEIVABLES else None)
        self.post(on, source, -amount, claim if source == RECEIVABLES else None)

    def open_day(self, on):
        """The day in the books of something of a day: the first open one after a closed period."""
        return self.closed + DAY if self.closed and on <= self.closed else on

    # Documents

    def document(self, on, lines, rounding, sign, claim, vat_by_rate=None):
        """Books an invoice (`sign` 1) or a credit note (-1) and returns its total."""
        vat_by_rate = vat_of_lines(lines) if vat_by_rate is None else vat_by_rate
        total = sum(line.net for line in lines) + sum(vat_by_rate.values()) + rounding
        self.post(on, RECEIVABLES, sign * total, claim)
        for line in lines:
            self.post(on, line.account, -sign * line.net, None, line.activity)
        for rate, vat in vat_by_rate.items():
            self.post(on, VAT.get(rate, ""), -sign * vat)
        self.post(on, ROUNDING, -sign * rounding)
        return total

    def issue(self, number, buyer, on, due, lines, rounding):
        """Books an invoice and returns its claim."""
        claim = Record(
            number=number, buyer=buyer, issued=on, due=due, lines=lines, rounding=rounding, total=0, credits=[], payments=[], refunds=[],
            written=0, write_offs=[], fees=[], days=[on], book_days=[on],
        )
        claim.total = self.document(on, lines, rounding, 1, claim)
        self.claims[number] = claim
        return claim

    def credit(self, claim, on, lines, rounding=0, vat_by_rate=None):
        """Books a credit note of an invoice."""
        total = self.document(on, lines, rounding, -1, claim, vat_by_rate)
        claim.credits.append((on, total))
        claim.days.append(on)
        claim.book_days.append(on)

    def remind(self, claim, on, fee):
        """Books the fee of a reminder."""
        self.post(on, RECEIVABLES, fee, claim)
        self.post(on, REMINDERS, -fee)
        claim.fees.append(fee)

    # Payments

    def uncovered(self, claim):
        """What is not covered of an invoice, what was written off left out; below zero when it is overpaid."""
        covered = sum(amount for _, amount in claim.credits) + sum(p.amount for p in claim.payments)
        return claim.total - covered + sum(amount for _, amount in claim.refunds)

    def left(self, claim):
        """What is still to be paid, or below zero what is to be paid back."""
        return self.uncovered(claim) - claim.written

    def pay(self, claim, on, amount, booked=None, row=None, reverses=None):
        """Books a payment: from the bank's account, or of a bank row from the observation account."""
        booked = self.open_day(booked or on)
        account = OBSERVATION if row else BANK
        self.transfer(booked, account, RECEIVABLES, amount, claim)
        payment = Record(on=on, booked=booked, amount=amount, row=row, reverses=reverses, is_reversed=False, number=claim.number)
        claim.payments.append(payment)
        claim.days.append(on)
        claim.book_days.append(booked)
        if row:
            row.parts.append((booked, amount))
        return payment

    def reverse(self, payment, on):
        """Takes a payment back on a day of its own; money of a bank row stands on the observation account again."""
        payment.is_reversed = True
        return self.pay(self.claims[payment.number], on, -payment.amount, row=payment.row, reverses=payment)

    def refund(self, claim, on, amount, row=None):
        """Books what is paid back, by a row of the bank's file or without one; below zero, the reversal of such."""
        booked = self.open_day(on)
        self.transfer(booked, RECEIVABLES, OBSERVATION if row else BANK, amount, claim)
        if row:
            row.parts.append((booked, -amount))
        else:
            self.paid_back.append((booked, amount))
        claim.refunds.append((on, amount))
        claim.days.append(on)
        claim.book_days.append(booked)

    def write_off(self, claim, on, amount):
        """Books a difference on the account of rounding."""
        self.transfer(on, ROUNDING, RECEIVABLES, amount, claim)
        claim.written += amount
        claim.write_offs.append((on, amount))
        claim.book_days.append(on)

    def settle(self, claim, is_asked=False):
        """Writes off a small difference after a payment, a refund or a reversal, and reverses what is no longer the difference."""
        difference = self.uncovered(claim)
        paid = sum(p.amount for p in claim.payments if not p.reverses and not p.is_reversed)
        is_small = difference and abs(difference) <= LIMIT and (abs(difference) < paid or is_asked)
        wanted = difference if is_small or difference == claim.written else 0
        if wanted != claim.written:
            on = self.open_day(max(claim.days + claim.book_days))
            if claim.written:
                self.write_off(claim, on, -claim.written)
            if wanted:
                self.write_off(claim, on, wanted)

    def receive(self, number, on, amount):
        """Books a row of the bank's file on the observation account, from which matching moves it the same day or later. What comes
        after its day was closed is booked on the first open one."""
        row = Record(on=on, posted=self.open_day(on), amount=amount, parts=[], moved=[], is_duplicate=False)
        self.post(row.posted, BANK, amount)
        self.post(row.posted, OBSERVATION, -amount)
        self.rows[number] = row
        return row

    def drop(self, row):
        """Takes a row out of the books: another stands for its money."""
        row.is_duplicate = True
        self.postings.remove((row.posted, BANK, row.amount, None, None))
        self.postings.remove((row.posted, OBSERVATION, -row.amount, None, None))

    def link(self, row, payment):
        """Takes an imported payment for the money of a row. It was booked elsewhere, on the bank's account and on its own day: the row
        adds nothing to that."""
        self.transfer(row.posted, OBSERVATION, BANK, payment.amount, None)
        row.moved.append((row.posted, payment.booked, payment.amount))
        payment.row = row
        row.parts.append((payment.booked, payment.amount))

    def row_left(self, row):
        """What of a row is not matched."""
        return row.amount - sum(amount for _, amount in row.parts)

    # What follows

    def accounts(self, until):
        """The balance of each account at the end of a day, öre."""
        return sums((account, amount) for on, account, amount, _, _ in self.postings if on <= until)

    def receivables(self, until):
        """The balance of each invoice at the end of a day, öre."""
        return sums((claim, amount) for on, account, amount, claim, _ in self.postings if on <= until and account == RECEIVABLES)

    def revenue(self, start, end):
        """Net revenue by activity within days, öre; interest is revenue of no activity."""
        earns = lambda account: account[0] == "3" and account not in (ROUNDING, REMINDERS) or account == INTEREST
        rows = ((project or "", -amount) for on, account, amount, _, project in self.postings if start <= on <= end and earns(account))
        return sums(rows)

    def boxes(self, start, end):
        """The boxes of the VAT return within days, öre."""
        found = ((BOXES[account], -amount) for on, account, amount, _, _ in self.postings if start <= on <= end and account in BOXES)
        return sums(found)


def vat_of_lines(lines):
    """VAT by rate of lines, of which some are taxed at none."""
    taxed = [line for line in lines if line.vat_rate in VAT]
    return vat_of(sums_by_rate(taxed))


def sums(pairs):
    """Sums by key, without those that come to zero."""
    found = {}
    for key, amount in pairs:
        found[key] = found.get(key, 0) + amount
    return {key: amount for key, amount in found.items() if amount}
