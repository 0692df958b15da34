"""Models closed periods, refunds, write-offs and receivables as of a day, as `docs/payments.md` and `docs/invoices.md` state them."""

from dates import DAY, banking_day, day
from model import Record, refuse_for_any, refuse_if
from money import ore

# The largest difference that is written off, in öre.
WRITE_OFF_LIMIT = 99
BUCKETS = ((30, "days1To30"), (60, "days31To60"), (90, "days61To90"))


class Settlement:
    """What settles invoices apart from payments. A refund and a write-off have two days, as payments have: their own and that in the books."""

    # Closed periods

    def open_day(self, on):
        """The day in the books of something of a day: that day, or the first open one."""
        return self.closed + DAY if self.closed and on <= self.closed else on

    def require_open(self, on):
        refuse_if(self.closed and on <= self.closed, "PERIOD_CLOSED")

    def period_close(self, _, given):
        through = day(given["closedThrough"])
        refuse_if(through >= self.today, "INVALID")
        refuse_if(self.closed and through <= self.closed, "ALREADY_CLOSED")
        self.closed = through

    def period_reopen(self, _, given):
        first = day(given["reopenedFrom"])
        refuse_if(self.closed is None or first > self.closed, "NOT_CLOSED")
        self.closed = first - DAY

    # Refunds

    def refund_record(self, handle, given):
        invoice, on, amount = self.invoices[given["invoiceId"]], day(given["paidOn"]), ore(given["amount"])
        refuse_if(invoice.issued is None or invoice.kind == "CREDIT_NOTE" or on > self.today or amount <= 0, "INVALID")
        refuse_if(not self.overpaid(invoice), "NOT_OVERPAID")
        refuse_if(amount > self.overpaid(invoice) or amount > self.overpaid_on(invoice, on), "INVALID")
        self.refund(handle, invoice, on, amount)

    def refund(self, handle, invoice, on, amount, bank=None):
        """Adds a refund."""
        self.adjust(invoice, Record(kind="REFUND", handle=handle, on=on, booked=self.open_day(on), amount=amount, bank=bank))
        self.settle_small(invoice)

    def adjust(self, invoice, adjustment, reverses=None):
        """Adds a refund, a write-off or the reversal of one."""
        adjustment.update(invoice=invoice.handle, reverses=reverses and reverses.handle, is_reversed=False)
        if reverses:
            reverses.is_reversed = True
        invoice.adjustments.append(adjustment)
        if adjustment.handle:
            self.refunds[adjustment.handle] = adjustment

    def refund_reverse(self, _, given):
        refund, on = self.refunds[given["refundId"]], day(given["reversedOn"])
        invoice = self.invoices[refund.invoice]
        refuse_for_any(
            lambda: refuse_if(not refund.on <= on <= self.today, "INVALID"), lambda: refuse_if(refund.is_reversed, "REFUND_REVERSED")
        )
        self.adjust(invoice, Record(refund, handle=None, on=on, booked=self.open_day(on), amount=-refund.amount, bank=None), reverses=refund)
        self.settle_small(invoice)

    def overpaid_on(self, invoice, on):
        """What was paid too much by the end of a day."""
        return self.covered(invoice, on) - invoice.total

    # Write-offs

    def settle_small(self, invoice):
        """Writes off a difference below a krona and below what is paid, and reverses a write-off that is no longer the difference."""
        written = [a for a in invoice.adjustments if a.kind == "WRITE_OFF" and not a.is_reversed and not a.reverses]
        before = sum(a.amount for a in written)
        difference = invoice.total - self.covered(invoice) + before
        is_small = difference and abs(difference) <= WRITE_OFF_LIMIT and abs(difference) < self.paid(invoice)
        wanted = difference if is_small or difference == before else 0
        if wanted == before:
            return
        own, books = self.days_of(invoice)
        add = lambda amount, reverses=None: self.adjust(
            invoice, Record(kind="WRITE_OFF", handle=None, on=max(own), booked=self.open_day(max(own + books)), amount=amount), reverses
        )
        for row in written:
            row.handle = row.handle or f"{invoice.handle}.w{len(invoice.adjustments)}"
            add(-row.amount, row)
        if wanted:
            add(wanted)

    def days_of(self, invoice):
        """The days of all that covers an invoice: their own, and those in the books."""
        notes = [invoice.issued] + [self.invoices[handle].issued for handle in invoice.credit_notes]
        refunds = [a for a in invoice.adjustments if a.kind == "REFUND"]
        own = notes + [p.on for p in invoice.payments] + [a.on for a in refunds]
        return own, notes + [p.booked for p in invoice.payments] + [a.booked for a in invoice.adjustments]

    def invoice_write_off(self, _, given):
        invoice, on = self.invoices[given["invoiceId"]], day(given["writtenOffOn"])
        refuse_if(invoice.issued is None or invoice.kind == "CREDIT_NOTE" or on > self.today, "INVALID")
        refuse_if(on < max([invoice.issued] + [p.on for p in invoice.payments]), "INVALID")
        difference = invoice.total - self.covered(invoice)
        refuse_if(not difference, "NOTHING_TO_WRITE_OFF")
        refuse_if(abs(difference) > WRITE_OFF_LIMIT, "BEYOND_LIMIT")
        self.adjust(invoice, Record(kind="WRITE_OFF", handle=None, on=on, booked=self.open_day(on), amount=difference))

    # What follows

    def adjusted(self, invoice, kind, until=None, is_by_books=False):
        """The sum of refunds or write-offs by a day: those in force by their own days, or all by their days in the books."""
        rows = [a for a in invoice.adjustments if a.kind == kind]
        if is_by_books:
            return sum(a.amount for a in rows if a.booked <= until)
        return sum(a.amount for a in rows if not a.reverses and not a.is_reversed and (until is None or a.on <= until))

    def covered(self, invoice, until=None):
        """What covers an invoice by the end of a day: payments, credit notes and write-offs less refunds."""
        covered = self.paid(invoice, until) + self.credited(invoice, until) + self.adjusted(invoice, "WRITE_OFF", until)
        return covered - self.adjusted(invoice, "REFUND", until)

    def in_books(self, invoice, on):
        """Paid, credited, outstanding and balance of an invoice at the end of a day in the books."""
        if invoice.issued is None or invoice.issued > on:
            return 0, 0, 0, 0
        paid = sum(p.amount for p in invoice.payments if p.booked <= on) - self.adjusted(invoice, "REFUND", on, True)
        credited = self.credited(invoice, on)
        balance = invoice.total - paid - credited - self.adjusted(invoice, "WRITE_OFF", on, True)
        return paid, credited, max(0, balance), balance

    def aged(self, member, on):
        """The receivables of a member by age: balance, and parts by days after the last day to pay."""
        sums = {"balance": 0, "notDue": 0, **{name: 0 for _, name in BUCKETS}, "over90": 0}
        for invoice in self.invoices.values():
            if invoice.buyer == member and invoice.kind == "INVOICE" and invoice.issued and invoice.issued <= on:
                late, balance = (on - banking_day(invoice.due)).days, self.in_books(invoice, on)[3]
                name = "notDue" if late <= 0 else next((name for most, name in BUCKETS if late <= most), "over90")
                sums[name] += balance
                sums["balance"] += balance
        return sums
