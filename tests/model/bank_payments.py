"""Models the rows of the bank's files: what is matched by rule, what is taken for money that is known already, and what people do with the rest."""

from dates import day
from model import Record, refuse_if
from money import ore


class BankPayments:
    """Rows of BgMax and camt files, and what becomes of them."""

    def bank_import(self, given):
        """Takes a file of the bank, row by row. Rows below zero go out, and are stored when they pay an overpaid invoice back."""
        on = day(given["day"])
        for row in given["rows"]:
            amount = ore(row["amount"])
            if row["as"] in self.bank:
                continue
            invoice = self.invoices.get(row.get("pays"))
            if amount < 0:
                self.pay_back(row["as"], on, amount, self.invoices.get(row.get("refunds")))
                continue
            finding = "NO_REFERENCE" if not row["reference"] else "UNKNOWN_REFERENCE"
            same, near = self.recorded(invoice, on, amount) if invoice else ([], [])
            if invoice:
                is_unclear = len(same) > 1 or not same and near
                finding = "BEFORE_ISSUE" if invoice.issued > on else "AMBIGUOUS" if is_unclear else "OCR"
            elif not row["reference"] and self.alike(given, on, amount):
                finding = "AMBIGUOUS"
            payment = self.new_row(row["as"], on, amount, finding, given.get("format", "bgmax"))
            if finding == "OCR" and same:
                self.link(payment, same[0])
            elif finding == "OCR":
                self.match(payment, invoice, payment.amount, row["as"] + ".1", on)

    def new_row(self, handle, on, amount, finding, file_format):
        """Stores a row of a file."""
        self.bank[handle] = row = Record(
            handle=handle, on=on, amount=amount, finding=finding, format=file_format, matched=0, set_aside=None, was_reversed=False, duplicate_of=None,
            refunds=None, posted=self.open_day(on),
        )
        return row

    def recorded(self, invoice, on, amount):
        """Payments of an invoice that no file told of, of the same sum: those of the same day, and those within 7 days."""
        own = [p for p in self.true_payments(invoice) if not p.bank and p.amount == amount]
        return [p for p in own if p.on == on], [p for p in own if p.on != on and abs((p.on - on).days) <= 7]

    def alike(self, given, on, amount):
        """Rows of another kind of file that may be of the same money as one without a reference."""
        kind = given.get("format", "bgmax")
        return [row for row in self.bank.values() if row.amount == amount and row.on == on and row.format != kind and not row.duplicate_of]

    def pay_back(self, handle, on, amount, invoice):
        """Books an outgoing row that names an overpaid invoice with just what is overpaid; passes over others."""
        if invoice is None or self.overpaid(invoice) != -amount or self.overpaid_on(invoice, on) < -amount:
            return
        row = self.new_row(handle, on, amount, "NOT_INCOMING", "camt")
        row.set_aside, row.refunds = self.today, invoice.handle
        self.refund(handle + ".1", invoice, on, -amount, row.handle)

    def link(self, row, payment):
        """Takes a payment that was recorded manually for a row's money: nothing is booked again."""
        row.matched += payment.amount
        payment.bank = row.handle

    def match(self, payment, invoice, amount, handle, booked):
        """Books a bank payment on an invoice; on the day of issue when the money came before."""
        payment.matched += amount
        on = max(payment.on, invoice.issued)
        self.pay(Record(handle=handle, invoice=invoice.handle, on=on, amount=amount, reverses=None, bank=payment.handle), max(on, booked))

    def bank_left(self, payment):
        return payment.amount - payment.matched

    def bank_state(self, payment):
        if payment.duplicate_of:
            return "DUPLICATE"
        return "MATCHED" if not self.bank_left(payment) else "EXCLUDED" if payment.set_aside else "PENDING"

    def check_waiting(self, payment):
        state = self.bank_state(payment)
        refuse_if(state == "MATCHED", "ALREADY_MATCHED")
        refuse_if(state in ("EXCLUDED", "DUPLICATE"), state)

    def bank_payment_match(self, handle, given):
        payment, invoice = self.bank[given["bankPaymentId"]], self.invoices[given["invoiceId"]]
        self.check_waiting(payment)
        amount = ore(given["amount"]) if given.get("amount") else self.bank_left(payment)
        refuse_if(invoice.issued is None or invoice.kind == "CREDIT_NOTE" or amount > self.bank_left(payment), "INVALID", "CREDIT_NOTE", "NOT_ISSUED", "DRAFT")
        is_of_this_month = payment.on.replace(day=1) == self.today.replace(day=1)
        booked = day(given.get("bookedOn")) or (payment.on if is_of_this_month else self.today)
        same = [p for p in self.recorded(invoice, payment.on, amount)[0]]
        known = self.payments.get(given.get("recordedPaymentId")) or (same[0] if len(same) == 1 else None)
        if known:
            self.link(payment, known)
        else:
            self.match(payment, invoice, amount, handle, booked)

    def bank_payment_exclude(self, _, given):
        payment = self.bank[given["bankPaymentId"]]
        self.check_waiting(payment)
        payment.set_aside = self.today

    def bank_payment_reopen(self, _, given):
        payment = self.bank[given["bankPaymentId"]]
        refuse_if(payment.refunds, "IS_REFUND")
        refuse_if(not payment.set_aside and not payment.duplicate_of, "NOT_EXCLUDED", "ALREADY_MATCHED")
        if payment.duplicate_of:
            self.require_open(payment.set_aside)
            payment.posted = self.open_day(payment.posted)
        payment.set_aside = payment.duplicate_of = None

    def bank_payment_mark_duplicate(self, _, given):
        payment, other = self.bank[given["bankPaymentId"]], self.bank[given["duplicateOfId"]]
        refuse_if(payment is other or payment.amount != other.amount, "INVALID")
        refuse_if(payment.matched, "ALREADY_MATCHED")
        stands = [row for row in self.bank.values() if row.duplicate_of == payment.handle]
        refuse_if(stands or payment.duplicate_of or other.duplicate_of, "DUPLICATE")
        # No batch was exported, so nothing corrects what a closed day has.
        self.require_open(payment.posted)
        payment.duplicate_of, payment.set_aside = other.handle, self.today
