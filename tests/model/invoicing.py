"""Models invoices, credit notes, payments and invoice runs on top of members and agreements."""

from datetime import timedelta
from fractions import Fraction

from bank_payments import BankPayments
from dates import DAY, banking_day, day
from model import Model, Record, refuse_for_any, refuse_if
from money import half_up, interest, ore, shares, sums_by_rate, vat_of, year_fee
from settlement import Settlement


class Register(BankPayments, Settlement, Model):
    """The model with all that is about money."""

    def __init__(self, today, rates, whole_kronor=False, due_days=30):
        super().__init__(today)
        self.rates, self.whole_kronor, self.due_days = rates, whole_kronor, due_days
        self.invoices, self.costs, self.grants, self.payments, self.bank = {}, [], [], {}, {}
        self.counts, self.latest_issue, self.refunds, self.closed = {}, {}, {}, None

    # Drafts and issue

    def invoice_draft(self, handle, given):
        self.invoices[handle] = self.draft_of(handle, given["buyerId"], given)

    def invoice_draft_update(self, _, given):
        invoice = self.invoices[given["invoiceId"]]
        refuse_if(invoice.issued, "ALREADY_ISSUED")
        self.invoices[invoice.handle] = self.draft_of(invoice.handle, invoice.buyer, given)

    def draft_of(self, handle, buyer, given):
        """A draft with the lines of an input."""
        lines = [
            Record(activity=line.get("activityId"), agreement=None, vat_rate=line["vatRate"], net=self.line_net(line), credited=0, charge=None, months=[])
            for line in given["lines"]
        ]
        rates = {line.vat_rate for line in lines}
        refuse_if("OUTSIDE_SCOPE" in rates and len(rates) > 1, "INVALID")
        return self.invoice_of("INVOICE", buyer, lines, handle)

    @staticmethod
    def line_net(line):
        quantity = line.get("quantity", "1")
        whole, _, rest = quantity.partition(".")
        thousandths = int(whole + rest.ljust(3, "0"))
        return half_up(Fraction(ore(line["unitPrice"]) * thousandths, 1000)) if rest else ore(line["unitPrice"]) * int(whole)

    def invoice_of(self, kind, buyer, lines, handle):
        """An invoice with its sums, not issued yet."""
        vat = sum(vat_of(sums_by_rate(lines)).values())
        net = sum(line.net for line in lines)
        rounding = half_up(Fraction(net + vat, 100)) * 100 - net - vat if self.whole_kronor else 0
        return Record(
            handle=handle, kind=kind, buyer=buyer, lines=lines, net=net, vat=vat, rounding=rounding, total=net + vat + rounding, number=None, issued=None,
            due=None, payments=[], credits=None, credit_notes=[], reminders=[], adjustments=[],
        )

    def is_complete(self, buyer):
        """`true` if all is known of a buyer that an invoice needs."""
        return self.members[buyer].is_complete if buyer in self.members else self.organisations[buyer].is_complete

    def invoice_issue(self, _, given):
        invoice, on = self.invoices[given["invoiceId"]], day(given.get("issuedOn")) or self.today
        refuse_for_any(
            lambda: refuse_if(invoice.issued, "ALREADY_ISSUED"),
            lambda: refuse_if(not self.is_complete(invoice.buyer), "INVALID"),
            lambda: self.check_day_of_issue(on),
        )
        self.issue(invoice, on)

    def check_day_of_issue(self, on):
        """Refuses a day of issue that lies ahead or before the latest invoice."""
        latest = self.latest_issue.get("INVOICE", on)
        refuse_if(on > self.today or on < latest, "INVALID")

    def issue(self, invoice, on):
        """Gives a draft its number, its reference and its due date."""
        series = (invoice.kind, on.year)
        self.counts[series] = self.counts.get(series, 0) + 1
        prefix = "K" if invoice.kind == "CREDIT_NOTE" else ""
        invoice.number = f"{prefix}{on.year}{self.counts[series]:04}"
        self.latest_issue[invoice.kind] = invoice.issued = on
        invoice.due = on + timedelta(days=self.due_days) if invoice.kind == "INVOICE" else None

    def invoice_draft_discard(self, _, given):
        refuse_if(self.invoices[given["invoiceId"]].issued, "ALREADY_ISSUED")
        del self.invoices[given["invoiceId"]]

    # Credit notes

    def invoice_credit(self, handle, given):
        invoice = self.invoices[given["invoiceId"]]
        refuse_if(invoice.kind == "CREDIT_NOTE", "CREDIT_NOTE")
        refuse_if(invoice.issued is None, "NOT_ISSUED")
        left = {index: line.net - line.credited for index, line in enumerate(invoice.lines)}
        # Some ore of a line that the rounding of the notes makes up for are not credited.
        refuse_if(self.credited(invoice) >= invoice.total or not any(left.values()), "NOTHING_LEFT")
        amounts = {index: amount for index, amount in left.items() if amount}
        if given.get("lines"):
            amounts = {line["lineId"]: ore(line["amount"]) for line in given["lines"]}
            too_much = [index for index, amount in amounts.items() if amount <= 0 or amount > left[index]]
            refuse_if(too_much, "BEYOND_INVOICE", "INVALID", "NOTHING_LEFT")
        lines = []
        for index, amount in sorted(amounts.items()):
            line = invoice.lines[index]
            line.credited += amount
            lines.append(Record(line, net=amount, credits=index))
        self.invoices[handle] = note = self.credit_note_of(invoice, lines, handle)
        self.issue(note, self.today)
        invoice.credit_notes.append(handle)
        self.settle_small(invoice)

    def credit_note_of(self, invoice, lines, handle):
        """A credit note, which takes what is left of VAT and rounding when nothing else is left."""
        note = self.invoice_of("CREDIT_NOTE", invoice.buyer, lines, handle)
        notes = [self.invoices[other] for other in invoice.credit_notes]
        vat_by_rate = vat_of(sums_by_rate(lines))
        for rate in vat_by_rate:
            of_rate = [line for line in invoice.lines if line.vat_rate == rate]
            vat_left = vat_of(sums_by_rate(of_rate))[rate] - sum(other.vat_by_rate.get(rate, 0) for other in notes)
            is_last = all(line.net == line.credited for line in of_rate)
            own = [line for line in lines if line.vat_rate == rate]
            charged = {line.credits: invoice.lines[line.credits] for line in own}
            if is_last:
                vat_by_rate[rate] = vat_left
            elif all(line.net == line.credited for line in charged.values()):
                # Each line takes what the invoice charged for it and earlier notes have left.
                taken = sum(row.vat for other in notes for row in other.lines if row.credits in charged)
                vat_by_rate[rate] = sum(line.vat for line in charged.values()) - taken
            else:
                vat_by_rate[rate] = min(vat_by_rate[rate], vat_left)
        note.vat_by_rate, note.vat, note.credits = vat_by_rate, sum(vat_by_rate.values()), invoice.handle
        is_last = all(line.net == line.credited for line in invoice.lines)
        if is_last:
            note.rounding = invoice.rounding - sum(other.rounding for other in notes)
        else:
            note.rounding = self.credit_rounding(invoice, notes, note.net + note.vat) if self.whole_kronor else 0
        note.total = note.net + note.vat + note.rounding
        return note

    def credit_rounding(self, invoice, notes, exact):
        """The rounding of a note for a part: all notes of the invoice together are whole kronor, rounded once."""
        credited = exact + sum(other.net + other.vat for other in notes)
        own = half_up(Fraction(credited, 100)) * 100 - credited - sum(other.rounding for other in notes)
        left = invoice.total - sum(other.total for other in notes)
        return own if 0 < exact + own <= left else 0

    # Payments and reminders

    def payment_record(self, handle, given):
        invoice, on, amount = self.invoices[given["invoiceId"]], day(given["receivedOn"]), ore(given["amount"])
        refuse_if(invoice.issued is None or invoice.kind == "CREDIT_NOTE", "DRAFT", "NOT_ISSUED", "CREDIT_NOTE", "INVALID")
        refuse_if(not invoice.issued <= on <= self.today or amount <= 0, "INVALID")
        told = [p for p in self.true_payments(invoice) if p.bank and p.amount == amount and abs((p.on - on).days) <= 7]
        refuse_if(told and not given.get("isDifferentPayment"), "POSSIBLE_DUPLICATE")
        self.pay(Record(handle=handle, invoice=invoice.handle, on=on, amount=amount, reverses=None, bank=None), on)

    def pay(self, payment, booked):
        """Adds a payment or a reversal, booked on the first open day from `booked` on."""
        payment.booked, payment.reversed = self.open_day(booked), None
        self.payments[payment.handle] = payment
        invoice = self.invoices[payment.invoice]
        invoice.payments.append(payment)
        self.settle_small(invoice)

    def payment_reverse(self, handle, given):
        payment, on = self.payments[given["paymentId"]], day(given.get("reversedOn")) or self.today
        refuse_for_any(
            lambda: refuse_if(payment.reverses, "IS_REVERSAL"),
            lambda: refuse_if(payment.reversed, "PAYMENT_REVERSED"),
            lambda: refuse_if(not payment.on <= on <= self.today, "INVALID"),
            lambda: self.require_open(on),
        )
        payment.reversed = on
        if payment.bank:
            self.bank[payment.bank].matched -= payment.amount
            self.bank[payment.bank].was_reversed = True
        self.pay(Record(handle=handle, invoice=payment.invoice, on=on, amount=-payment.amount, reverses=payment.handle, bank=None), on)

    def invoice_remind(self, _, given):
        invoice = self.invoices[given["invoiceId"]]
        refuse_if(invoice.kind == "CREDIT_NOTE", "CREDIT_NOTE")
        state = self.state(invoice, self.today)
        refuse_if(state in ("DRAFT", "PAID", "CREDITED"), state)
        refuse_if(state != "OVERDUE", "NOT_OVERDUE")
        refuse_if(self.today in invoice.reminders, "ALREADY_REMINDED")
        invoice.reminders.append(self.today)

    # What follows from them

    def true_payments(self, invoice):
        """Payments that were not reversed."""
        return [p for p in invoice.payments if not p.reverses and not p.reversed]

    def paid(self, invoice, until=None):
        return sum(p.amount for p in self.true_payments(invoice) if until is None or p.on <= until)

    def credited(self, invoice, until=None):
        notes = [self.invoices[handle] for handle in invoice.credit_notes]
        return sum(note.total for note in notes if until is None or note.issued <= until)

    def state(self, invoice, on):
        """The state of an invoice on a day."""
        if invoice.issued is None or invoice.issued > on:
            return "DRAFT"
        if invoice.kind == "CREDIT_NOTE":
            return "ISSUED"
        paid, credited = self.paid(invoice, on), self.credited(invoice, on)
        if credited >= invoice.total:
            return "CREDITED"
        if self.covered(invoice, on) >= invoice.total:
            return "PAID"
        if on > banking_day(invoice.due):
            return "OVERDUE"
        return "PARTLY_PAID" if paid else "ISSUED"

    def outstanding(self, invoice):
        """What is still to be paid; of a draft, its total."""
        if invoice.kind == "CREDIT_NOTE":
            return 0
        return max(0, invoice.total - self.covered(invoice))

    def overpaid(self, invoice):
        if invoice.kind == "CREDIT_NOTE" or invoice.issued is None:
            return 0
        return max(0, self.covered(invoice) - invoice.total)

    def settled_on(self, invoice):
        """The day from which payments, credit notes and write-offs cover the total; `None` if they do not in the end, as after a refund of what was not too much."""
        days = {p.on for p in self.true_payments(invoice)} | {self.invoices[handle].issued for handle in invoice.credit_notes}
        days |= {a.on for a in invoice.adjustments if not a.reverses and not a.is_reversed}
        since = None
        for on in sorted(days):
            since = (since or on) if self.covered(invoice, on) >= invoice.total else None
        return since

    def late_until(self, invoice, on):
        """The last day by which lateness counts on a day; not after the due date when it is not late."""
        settled = self.settled_on(invoice)
        return min(on, settled) if settled else on

    def days_late(self, invoice, on):
        if invoice.due is None or invoice.issued > on:
            return 0
        return max(0, (self.late_until(invoice, on) - banking_day(invoice.due)).days)

    def interest(self, invoice, on):
        """Late interest up to and including a day; `None` when it was never late by then."""
        if not self.days_late(invoice, on):
            return None
        # What was credited was never owed; all else counts from the day after its own.
        settled = lambda at: self.covered(invoice, at) - self.credited(invoice, at)
        unpaid = lambda at: invoice.total - settled(at - DAY) - self.credited(invoice, on)
        return interest(banking_day(invoice.due), self.late_until(invoice, on), unpaid, self.rates)

    def line_lefts(self, invoice, until):
        """What each line has left on a day, with VAT, after credit notes. Line VAT is learned from the register."""
        lefts = [line.net + line.vat for line in invoice.lines]
        for handle in invoice.credit_notes:
            note = self.invoices[handle]
            if note.issued <= until:
                for line in note.lines:
                    lefts[line.credits] -= line.net + line.vat
        return lefts

    def paid_by_line(self, invoice, until):
        """What the payments until a day pay of each line, with VAT, reversed ones until their reversal."""
        came, lefts = self.came(invoice, until), self.line_lefts(invoice, until)
        # An invoice that was rounded down is paid by less than its lines come to.
        rounding = invoice.rounding - sum(note.rounding for note in map(self.invoices.get, invoice.credit_notes) if note.issued <= until)
        return list(lefts) if came > 0 and came >= sum(lefts) + min(0, rounding) else shares(came, lefts)

    def came(self, invoice, until):
        """What came in by a day in the books, less what was paid back."""
        return sum(p.amount for p in invoice.payments if p.booked <= until) - self.adjusted(invoice, "REFUND", until, True)

    # Costs and grants

    def cost_record(self, _, given):
        self.require_open(day(given["bookedOn"]))
        self.costs.append((given["activityId"], day(given["bookedOn"]), ore(given["amount"])))

    def grant_record(self, _, given):
        self.require_open(day(given["bookedOn"]))
        self.grants.append((given["activityId"], day(given["bookedOn"]), ore(given["amount"])))

    # Invoice runs

    def charges(self):
        """The fees that were invoiced and not credited whole: agreement or member, basis and year."""
        lines = [line for invoice in self.invoices.values() if invoice.kind == "INVOICE" and invoice.issued for line in invoice.lines]
        return {line.charge for line in lines if line.charge and line.credited != line.net}

    def pays(self, agreement, month):
        """`true` if an agreement pays the month that begins on a day."""
        return self.is_live(agreement) and agreement.starts <= month <= self.last_day(agreement)

    def kept_months(self, line):
        """Months that credit notes have left of a run's line: each month's share that is credited releases one, first those that no agreement pays."""
        agreement = self.agreements[line.agreement]
        if line.credited >= line.net:
            return []
        released = (line.credited + 1) * len(line.months) // line.net
        order = sorted(line.months, key=lambda month: (not self.pays(agreement, month), month))
        return order[: max(0, len(order) - released)]

    def pieces(self, agreement, year, is_again):
        """What a run bills of a yearly fee: months in a row and their price, and what the agreement's own lines have billed before."""
        lines = [line for i in self.invoices.values() if i.kind == "INVOICE" and i.issued for line in i.lines if line.months]
        own = [line for line in lines if line.charge == (agreement.handle, "SPECIAL", year) and not is_again]
        before, taken = {month for line in own for month in line.months}, set()
        for line in lines:
            other = self.agreements[line.agreement]
            if other is not agreement and (other.counterparty, other.activity) == (agreement.counterparty, agreement.activity):
                taken |= {month for month in self.kept_months(line) if not self.pays(other, month)}
        firsts = [month for month in (day(f"{year}-{n:02}-01") for n in range(1, 13)) if self.pays(agreement, month)]
        billed, groups = sum(1 for month in firsts if month in before), []
        for month in firsts:
            if month not in before and month not in taken:
                if groups and groups[-1][-1].month + 1 == month.month:
                    groups[-1].append(month)
                else:
                    groups.append([month])
        priced = []
        for group in groups:
            priced.append((group, self.price_of(agreement, year, billed + len(group)) - self.price_of(agreement, year, billed)))
            billed += len(group)
        return priced, sum(line.net for line in own)

    def price_of(self, agreement, year, months):
        """What so many months of a year cost, net."""
        allocation = self.allocation(agreement.counterparty, year) if agreement.fee["basis"] == "PER_MILLE_OF_ALLOCATION" else None
        return half_up(year_fee(agreement.fee, allocation) * months / 12)

    def run(self, given):
        """What an invoice run would issue: invoices by buyer, problems, and counts."""
        year, only = given["year"], given.get("memberIds")
        drafts, problems, already, manual = {}, [], 0, 0
        charged = self.charges()
        for buyer, agreement, charge, net, vat_rate, activity in self.fees_of_run(given):
            if only and buyer not in only:
                continue
            is_monthly = agreement and net not in ("MANUAL", None) and self.agreements[agreement].fee["basis"] != "ONE_OFF"
            billed, is_charged = [([], net)], charge in charged
            if is_monthly:
                billed, before = self.pieces(self.agreements[agreement], year, not is_charged)
                billed = [(months, price) for months, price in billed if price] or None
                if billed and is_charged and before + sum(price for _, price in billed) > net + 100:
                    problems.append((buyer, agreement))
                    continue
            if net == "MANUAL":
                manual += 1
            elif billed is None or (is_charged and not is_monthly):
                already += 1
            elif net is None:
                problems.append((buyer, agreement))
            elif not self.is_complete(buyer):
                problems.append((buyer, None))
            else:
                group = (buyer, vat_rate == "OUTSIDE_SCOPE")
                for months, price in billed:
                    line = Record(activity=activity, agreement=agreement, vat_rate=vat_rate, net=price, credited=0, charge=charge, months=months)
                    drafts.setdefault(group, []).append(line)
        invoices = [self.invoice_of("INVOICE", buyer, lines, None) for (buyer, _), lines in drafts.items()]
        return Record(invoices=invoices, problems=sorted(set(problems), key=str), already=already, manual=manual, year=year)

    def fees_of_run(self, given):
        """Every fee of a run's year: buyer, agreement, charge, net (`None`: no allocation), VAT rate and activity."""
        year = given["year"]
        if given.get("activityId"):
            for agreement in self.participations(given["activityId"]):
                if not self.is_live(agreement) or agreement.direction != "INCOME" or not agreement.fee:
                    continue
                charge = (agreement.handle, "SPECIAL", year)
                net = self.fee_for(agreement, year)
                if agreement.fee["basis"] == "PER_PARTICIPANT":
                    net = "MANUAL" if self.months(agreement, year) else 0
                if net == 0:
                    continue
                yield agreement.counterparty, agreement.handle, charge, net, agreement.fee["vat_rate"], agreement.activity
            return
        basis = "PER_MILLE_OF_ALLOCATION" if given.get("serviceFee") else "FIXED_PER_YEAR"
        refuse_if(self.price_on(self.network_fees, day(f"{year}-01-01"), basis) is None, "NO_FEE_RULE")
        for member in self.members.values():
            if member.joined.year <= year and (member.left is None or member.left.year >= year):
                net, rule = self.member_fee(member.handle, year, basis)
                yield member.handle, None, (member.handle, basis, year), net, rule["vat_rate"], None

    def invoice_run(self, _, given):
        on = day(given.get("issuedOn")) or self.today
        self.check_day_of_issue(on)
        run = self.run(given)
        if run.problems and not given.get("skipProblems"):
            run.invoices = []
        return Record(run, on=on)
