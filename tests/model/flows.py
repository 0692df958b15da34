"""Draws random mutations that a register may take next, from the model's state."""

from dates import DAY, FOREVER, add_months, day, last_of_month
from datetime import date, timedelta
from money import kronor, luhn_digit, ore

START = date(2026, 1, 5)
LAST_DAY = date(2029, 12, 20)
BILLING = {"buyerReference": "Ref 7", "addressLine": "Gatan 1", "postalCode": "702 10", "city": "Örebro"}
PUBLIC = {"basis": "FIXED_PER_YEAR", "vatRate": "STANDARD_25"}


def org_number(index):
    base = f"222{index:06}"
    return f"{base[:6]}-{base[6:]}{luhn_digit(base)}"


class Flow:
    """A source of steps: `{"do": mutation, "as": handle, "input": …}` or `{"clock": day}`. Texts that begin with `$` are handles."""

    def __init__(self, model, random, offered):
        self.model, self.random, self.offered = model, random, offered
        self.queue, self.made = [], {}

    def handle(self, letter):
        self.made[letter] = self.made.get(letter, 0) + 1
        return f"{letter}{self.made[letter]}"

    def step(self, name, given, letter=None):
        step = {"do": name, "input": given}
        if letter:
            step["as"] = self.handle(letter)
        return step

    def setup(self):
        """The first steps: templates, members, activities, prices and allocations."""
        for index in range(7):
            yield self.admission(date(2020 + index % 5, 1 + index % 3, 1 if index % 2 else 15))
        for index in range(2):
            yield self.step("organisationAdd", {"name": f"Organisation {index + 1}", "orgNumber": org_number(700 + index), "billing": BILLING}, "o")
        for slug, funding in (("bip", "SPECIAL_FEE"), ("indikatorer", "SPECIAL_FEE"), ("valdet", "GRANT"), ("design", "VOLUNTEER")):
            yield self.step("activityStart", {"slug": slug, "name": slug.capitalize(), "funding": [funding], "startsOn": "2020-01-01"}, "v")
        amounts = {"basis": "FIXED_PER_YEAR", "amount": "12345.67", "vatRate": "STANDARD_25"}
        yield self.step("feeScheduleSet", {"activityId": "$v1", "validFrom": "2020-01-01", **amounts})
        rates = {"basis": "PER_MILLE_OF_ALLOCATION", "perMille": 1.5, "cap": "40000.00", "minimum": "2500.00", "vatRate": "OUTSIDE_SCOPE"}
        yield self.step("feeScheduleSet", {"activityId": "$v2", "validFrom": "2020-01-01", **rates})
        membership = {"basis": "FIXED_PER_YEAR", "amount": "1500.00", "vatRate": "OUTSIDE_SCOPE"}
        yield self.step("networkFeeSet", {"validFrom": "2025-01-01", **membership})
        service = {"basis": "PER_MILLE_OF_ALLOCATION", "perMille": 2, "cap": "61234.50", "vatRate": "OUTSIDE_SCOPE"}
        yield self.step("networkFeeSet", {"validFrom": "2025-01-01", **service})
        for index in range(1, 8):
            for year in (2025, 2026, 2027):
                if self.random.random() < 0.8:
                    yield self.allocation(f"m{index}", year)

    # What is drawn

    def next(self):
        """The next step."""
        if self.queue and self.random.random() < 0.9:
            return self.queue.pop(0)
        choices = {
            self.clock: 16, self.draft: 22, self.replace: 8, self.notice: 9, self.withdraw: 3, self.offer_or_sign: 4, self.leave: 2, self.merge: 1.2,
            self.admit: 2.5, self.update: 2, self.any_allocation: 3, self.close: 1, self.any_price: 1.5, self.run: 9, self.draft_invoice: 5,
            self.issue: 2, self.pay: 12, self.reverse: 3, self.credit: 4, self.remind: 2, self.book: 3,
            self.acknowledge: 2, self.withdraw_notice: 2, self.reinstate: 1,
            self.bank_file: 4, self.match: 3, self.set_aside: 1.5,
            self.refund: 3, self.reverse_refund: 1, self.write_off: 1, self.close_period: 1, self.reopen_period: 0.4, self.camt_file: 3, self.mark: 1.5,
        }
        while True:
            step = self.random.choices(list(choices), choices.values())[0]()
            if step:
                return step

    def pick(self, rows):
        rows = list(rows)
        return self.random.choice(rows) if rows else None

    def near(self, before=40, after=60):
        return self.model.today + timedelta(days=self.random.randint(-before, after))

    def money(self, low, high):
        return kronor(self.random.choice([self.random.randint(low, high) * 100, self.random.randint(low * 100, high * 100)]))

    def clock(self):
        """Moves the clock some days, often to a day on which something changes."""
        today, model = self.model.today, self.model
        days = [today + timedelta(days=self.random.randint(1, 45)), today + DAY, last_of_month(today), date(today.year, 12, 31)]
        for agreement in model.agreements.values():
            deadline = model.next_deadline(agreement, today)
            ends = [deadline[2], agreement.starts, model.last_day(agreement)] if deadline else [agreement.starts]
            days += [on for end in ends if end != FOREVER for on in (end, end + DAY)]
        days += [invoice.due + timedelta(days=more) for invoice in model.invoices.values() if invoice.due for more in (0, 1)]
        coming = [on for on in days if today < on <= min(LAST_DAY, today + timedelta(days=90))]
        return {"clock": self.random.choice(coming).isoformat()} if coming else None

    def admission(self, joined):
        index = self.made.get("m", 0)
        given = {"name": f"Förbund {index + 1:02}", "joinedOn": joined.isoformat()}
        if index % 5 != 4:
            given.update(orgNumber=org_number(index), billing=BILLING)
        return self.step("memberAdmit", given, "m")

    def admit(self):
        return self.admission(self.near(400, 30)) if len(self.model.members) < 25 else None

    def present(self):
        return [m for m in self.model.members.values() if m.left is None and m.joined <= self.model.today]

    def update(self):
        """Moves the first day of a membership or an activity, where the rule leaves no doubt."""
        first = self.near(900, 0)
        if self.random.random() < 0.5:
            member = self.pick(self.present())
            agreements = self.model.of_member(member.handle) if member else []
            step = member and self.step("memberUpdate", {"memberId": "$" + member.handle, "joinedOn": first.isoformat()})
        else:
            activity = self.pick(v for v in self.model.activities.values() if v.ends is None)
            agreements = self.model.participations(activity.handle) if activity else []
            step = activity and self.step("activityUpdate", {"activityId": "$" + activity.handle, "startsOn": first.isoformat()})
        begun = [a for a in agreements if not a.withdrawn and a.starts < first]
        is_clear = not begun or any(self.model.is_in_force(a, self.model.today) for a in begun)
        return step if is_clear else None

    def allocation(self, member, year):
        basis = "ALL_PARTIES" if self.random.random() < 0.85 else "STATE_SHARE"
        return self.step("allocationSet", {"memberId": "$" + member, "year": year, "amount": self.money(900_000, 40_000_000), "basis": basis})

    def any_allocation(self):
        return self.allocation(self.pick(self.model.members), self.model.today.year + self.random.randint(-1, 1))

    def any_price(self):
        given = {"validFrom": f"{self.model.today.year + self.random.randint(0, 1)}-{self.random.choice(['01', '07'])}-01"}
        if self.random.random() < 0.5:
            given.update(basis="PER_MILLE_OF_ALLOCATION", perMille=self.random.choice([1, 1.75, 2, 2.125]), vatRate="OUTSIDE_SCOPE")
            return self.step("networkFeeSet", given)
        given.update(activityId="$v1", basis="FIXED_PER_YEAR", amount=self.money(1000, 20000), vatRate=self.random.choice(["STANDARD_25", "REDUCED_6", "EXEMPT"]))
        return self.step("feeScheduleSet", given)

    def leave(self):
        replacing = {a.counterparty for a in self.model.agreements.values() if a.replaces and a.signed and a.starts > self.model.today}
        wanted = [m for m in self.present() if m.handle in replacing and self.random.random() < 0.5]
        member = self.pick(wanted or self.present())
        if member is None or len(self.present()) < 5:
            return None
        given = {"memberId": "$" + member.handle, "leftOn": self.leaving_day([member]).isoformat()}
        return self.step("memberLeave", {**given, "endAgreements": self.random.random() < 0.75})

    def leaving_day(self, members):
        """A last day of membership: often around the first or last day of an agreement."""
        days = [self.near(30, 120), self.near(10, 60)]
        for member in members:
            for agreement in self.model.of_member(member.handle):
                if self.model.is_live(agreement):
                    days += [agreement.starts - DAY, agreement.starts, min(self.model.last_day(agreement), days[0]) - DAY]
        return self.random.choice([on for on in days if on > self.model.today - timedelta(days=60)])

    def merge(self):
        present = self.present()
        if len(present) < 6:
            return None
        into, *leaving = self.random.sample(present, self.random.choice([2, 2, 3]))
        given = {"intoId": "$" + into.handle, "fromIds": ["$" + m.handle for m in leaving], "leftOn": self.leaving_day(leaving).isoformat()}
        return self.step("memberMerge", {**given, "endAgreements": self.random.random() < 0.75})

    def close(self):
        activity = self.pick(v for v in self.model.activities.values() if v.handle != "v1")
        return activity and self.step("activityClose", {"activityId": "$" + activity.handle, "endsOn": self.near(20, 200).isoformat()})

    # Agreements

    def term(self, given, starts):
        """Adds a term to an input: until further notice, fixed or renewing."""
        given["startsOn"] = starts.isoformat()
        shape = self.random.random()
        notice = self.random.choice([None, 0, 1, 2, 3, 3, 6, 12])
        if notice is not None:
            given["noticeMonths"] = notice
        if shape < 0.25:
            return given
        months = self.random.choice([1, 2, 3, 6, 6, 12, 12, 24])
        ends = add_months(starts, months) - DAY
        if self.random.random() < 0.25:
            ends = self.random.choice([last_of_month(ends), date(ends.year, 12, 31), ends + timedelta(days=self.random.randint(1, 40))])
        given["endsOn"] = ends.isoformat()
        if shape > 0.5:
            given["renewalMonths"] = self.random.choice([1, 2, 3, 6, 6, 12, 12, 24, 36])
        elif "noticeMonths" not in given:
            given["noticeMonths"] = self.random.choice([0, 1, 3])
        if "renewalMonths" not in given:
            given["renewalMonths"] = None
        return given

    def fee(self):
        basis = self.random.choice(["FIXED_PER_YEAR", "FIXED_PER_YEAR", "PER_MILLE_OF_ALLOCATION", "ONE_OFF", "PER_PARTICIPANT"])
        fee = {"basis": basis, "vatRate": self.random.choice(["STANDARD_25", "STANDARD_25", "REDUCED_12", "EXEMPT", "OUTSIDE_SCOPE"])}
        if basis == "PER_MILLE_OF_ALLOCATION":
            return {**fee, "perMille": self.random.choice([0.5, 1, 2.375]), **self.random.choice([{}, {"cap": "20000.00"}, {"minimum": "9999.99"}])}
        return {**fee, "amount": self.money(100, 30000)}

    def starting_day(self):
        on = self.near(90, 120)
        return self.random.choice([on, on.replace(day=1), last_of_month(on), on.replace(day=15), date(self.model.today.year, 1, 1)])

    def draft(self):
        members = self.present()
        if not members:
            return None
        kind = self.random.choices(["PARTICIPATION", "COOPERATION", "ASSIGNMENT"], [12, 1, 1])[0]
        given = self.term({"templateId": "$" + kind, "counterpartyId": "$" + self.pick(members).handle}, self.starting_day())
        if kind == "PARTICIPATION":
            activity = self.pick(v for v in self.model.activities.values() if v.ends is None or v.ends > self.model.today)
            given["activityId"] = "$" + activity.handle
            if not self.model.takes_no_fee(activity.handle) and self.random.random() < 0.6:
                given["fee"] = self.fee()
        else:
            given["counterpartyId"] = "$" + self.pick([*self.model.organisations, self.pick(members).handle])
            given["fee"] = {**PUBLIC, "amount": self.money(100, 9000)} if kind == "ASSIGNMENT" else None
        step = self.step("agreementDraft", given, "a")
        if self.random.random() < 0.2:
            changed = self.term({"agreementId": "$" + step["as"]}, day(given["startsOn"]))
            changed = {"endsOn": None, "renewalMonths": None, "noticeMonths": 3, **changed}
            del changed["startsOn"]
            if given.get("fee") and kind == "PARTICIPATION":
                changed["fee"] = self.fee()
            self.queue.append(self.step("agreementDraftUpdate", changed))
        self.to_signature(step["as"])
        return step

    def to_signature(self, handle):
        """Queues the offer and the signatures of a draft."""
        if self.random.random() < 0.88:
            self.queue.append(self.step("agreementOffer", {"agreementId": "$" + handle}))
            if self.random.random() < 0.9:
                for party in self.random.sample(["NETWORK", "COUNTERPARTY"], 2):
                    self.queue.append(self.signature(handle, party))

    def signature(self, handle, party):
        given = {"agreementId": "$" + handle, "party": party, "name": "Ada Ås", "method": "PAPER", "signedOn": "today", "documentSha256": "hash"}
        return self.step("agreementSign", given)

    def offer_or_sign(self):
        agreement = self.pick(a for a in self.model.agreements.values() if not a.signed or self.random.random() < 0.05)
        if agreement is None:
            return None
        if agreement.offered is None:
            return self.step("agreementOffer", {"agreementId": "$" + agreement.handle})
        return self.signature(agreement.handle, self.pick(["NETWORK", "COUNTERPARTY"]))

    def replace(self):
        live = lambda a: self.model.is_live(a) and self.model.last_day(a) >= self.model.today
        agreement = self.pick(a for a in self.model.agreements.values() if live(a) or self.random.random() < 0.03)
        if agreement is None:
            return None
        lasts = self.model.last_day(agreement)
        starts = self.random.choice([self.near(20, 120), self.near(0, 60).replace(day=1), lasts + DAY if lasts < FOREVER else self.near()])
        given = self.term({"agreementId": "$" + agreement.handle}, starts)
        if agreement.kind == "PARTICIPATION" and not self.model.takes_no_fee(agreement.activity) and self.random.random() < 0.4:
            given["fee"] = self.fee()
        step = self.step("agreementReplace", given, "a")
        self.to_signature(step["as"])
        return step

    def notice(self):
        model = self.model
        wanted = lambda a: model.status(a, model.today) in ("ACTIVE", "SIGNED", "NOTICE_GIVEN")
        agreement = self.pick(a for a in model.agreements.values() if wanted(a) or self.random.random() < 0.05)
        if agreement is None:
            return None
        given_on = self.random.choice([model.today, model.today, self.near(30, 0)])
        given = {"agreementId": "$" + agreement.handle, "givenOn": given_on.isoformat()}
        if agreement.signed and self.random.random() < 0.35:
            latest = min(model.end_after_notice(agreement, given_on), given_on + timedelta(days=200))
            ends = given_on + timedelta(days=self.random.randint(0, max(0, (latest - given_on).days)))
            given.update(endsOn=ends.isoformat(), reason="Förtida upphörande")
        return self.step("agreementGiveNotice", given)

    def acknowledge(self):
        agreement = self.pick(a for a in self.model.agreements.values() if self.model.next_deadline(a, self.model.today))
        if agreement is None:
            return None
        latest = self.model.next_deadline(agreement, self.model.today)[2]
        until = self.model.today + timedelta(days=self.random.randint(0, (min(latest, self.model.today + timedelta(days=300)) - self.model.today).days))
        return self.step("deadlineSnooze", {"agreementId": "$" + agreement.handle, "snoozedUntil": until.isoformat(), "note": "Sett"})

    def withdraw_notice(self):
        agreement = self.pick(a for a in self.model.agreements.values() if a.notice_given or self.random.random() < 0.03)
        if agreement is None or "agreementNoticeWithdraw" not in self.offered:
            return None
        return self.step("agreementNoticeWithdraw", {"agreementId": "$" + agreement.handle})

    def reinstate(self):
        member = self.pick(m for m in self.model.members.values() if m.left or self.random.random() < 0.02)
        if member is None or "memberReinstate" not in self.offered:
            return None
        ended = [self.model.agreements[key] for key in member.departure]
        if any(a.quiet_until or self.model.successor(a, is_signed=False) for a in ended):
            return None
        return self.step("memberReinstate", {"memberId": "$" + member.handle})

    def withdraw(self):
        agreement = self.pick(a for a in self.model.agreements.values() if not a.signed or self.random.random() < 0.1)
        return agreement and self.step("agreementWithdraw", {"agreementId": "$" + agreement.handle, "reason": "Ångrat"})

    # Money

    def run(self):
        year = self.model.today.year - (self.random.random() < 0.15) + (self.model.today.month == 12 and self.random.random() < 0.3)
        given = self.random.choice([{"activityId": "$v1"}, {"activityId": "$v1"}, {"activityId": "$v2"}, {"serviceFee": True}, {"membershipFee": True}])
        if self.random.random() < 0.15:
            given = {**given, "memberIds": ["$" + handle for handle in self.random.sample(sorted(self.model.members), 3)]}
        return self.step("invoiceRun", {**given, "year": year, "skipProblems": self.random.random() < 0.85}, "r")

    def buyer(self):
        return self.pick([m.handle for m in self.model.members.values()] + list(self.model.organisations))

    def lines(self):
        """Lines of a manual invoice."""
        rates = self.random.choice([["STANDARD_25"], ["STANDARD_25", "REDUCED_6", "EXEMPT"], ["OUTSIDE_SCOPE"], ["REDUCED_12", "STANDARD_25"]])
        lines = []
        for _ in range(self.random.randint(1, 4)):
            line = {"description": "Kurs", "unitPrice": self.money(10, 3000), "vatRate": self.pick(rates), "quantity": self.pick(["1", "3", "1.5", "0.333"])}
            if self.random.random() < 0.7:
                line["activityId"] = "$" + self.pick(self.model.activities)
            # What is taxed says when it was supplied.
            if line["vatRate"][0] in "SR" or self.random.random() < 0.3:
                first = self.near(60, 60)
                line.update(periodFrom=first.isoformat(), periodTo=(first + timedelta(days=self.random.randint(0, 200))).isoformat())
            lines.append(line)
        return lines

    def draft_invoice(self):
        step = self.step("invoiceDraft", {"buyerId": "$" + self.buyer(), "lines": self.lines()}, "i")
        if self.random.random() < 0.2:
            self.queue.append(self.step("invoiceDraftUpdate", {"invoiceId": "$" + step["as"], "lines": self.lines()}))
        if self.random.random() < 0.8:
            self.queue.append(self.step("invoiceIssue", {"invoiceId": "$" + step["as"]}))
        return step

    def invoices(self, is_issued=True):
        return [i for i in self.model.invoices.values() if bool(i.issued) == is_issued and i.kind == "INVOICE"]

    def issue(self):
        invoice = self.pick(self.invoices(is_issued=False))
        name = self.random.choice(["invoiceIssue", "invoiceIssue", "invoiceDraftDiscard"])
        return invoice and self.step(name, {"invoiceId": "$" + invoice.handle})

    def pay(self):
        open_ones = [i for i in self.invoices() if self.model.outstanding(i)]
        invoice = self.pick(open_ones if open_ones and self.random.random() < 0.93 else self.invoices())
        if invoice is None:
            return None
        left = self.model.outstanding(invoice) or 5000
        amount = self.random.choice([left, left, left, self.random.randint(1, left), left + 12345])
        if left > 500 and self.random.random() < 0.12:
            amount = left + self.random.choice([-1, 1]) * self.random.randint(1, 120)
        days = (self.model.today - invoice.issued).days
        on = self.model.today - timedelta(days=self.random.choice([0, 0, self.random.randint(0, days), self.random.randint(0, min(days, 9))]))
        reference = f"B{self.made.get('p', 0) + 1}"
        given = {"invoiceId": "$" + invoice.handle, "receivedOn": on.isoformat(), "amount": kronor(amount), "reference": reference}
        return self.step("paymentRecord", given, "p")

    def reverse(self):
        payment = self.pick(self.model.payments.values())
        if payment is None:
            return None
        on = self.random.choice([self.model.today, payment.on, self.near(10, 0)])
        return self.step("paymentReverse", {"paymentId": "$" + payment.handle, "reversedOn": on.isoformat(), "reason": "Fel faktura"}, "p")

    def credit(self):
        invoice = self.pick(self.invoices())
        if invoice is None:
            return None
        given = {"invoiceId": "$" + invoice.handle, "reason": "Rättelse"}
        if self.random.random() < 0.6:
            index = self.random.randrange(len(invoice.lines))
            left = invoice.lines[index].net - invoice.lines[index].credited
            amount = self.random.choice([left, self.random.randint(1, max(1, left)), left + 100, max(1, left - self.random.randint(1, 60))])
            given["lines"] = [{"lineId": index, "amount": kronor(amount)}]
        return self.step("invoiceCredit", given, "i")

    def remind(self):
        invoice = self.pick(self.invoices())
        return invoice and self.step("invoiceRemind", {"invoiceId": "$" + invoice.handle})

    def bank_file(self):
        """A BgMax file with payments of all kinds; sometimes one that came before."""
        if self.made.get("file") and self.random.random() < 0.2:
            return self.made["file"]
        rows, on = [], self.near(30, 0)
        for _ in range(self.random.randint(1, 3)):
            invoice = self.pick(self.invoices())
            row = {"as": self.handle("b"), "reference": self.random.choice(["", "99999999995", "12300"])}
            # No two payments have the same sum but those that may be the same.
            row["amount"] = kronor(1_000_000 + 100 * self.made["b"] + self.random.randint(1, 99))
            recorded = invoice and self.pick(p for p in self.model.true_payments(invoice) if not p.bank and p.amount > 1_000)
            if recorded and self.random.random() < 0.7:
                on = recorded.on + timedelta(days=self.random.choice([0, 0, 1, 6, 8]))
                on, row["amount"] = min(on, self.model.today), kronor(recorded.amount)
            if invoice and self.random.random() < 0.75:
                row["pays"] = "$" + invoice.handle
            rows.append(row)
            if recorded:
                break
        self.made["file"] = self.file(on, rows)
        return self.made["file"]

    def file(self, on, rows, **more):
        """A file of the bank with a serial number of its own."""
        self.made["serial"] = serial = self.made.get("serial", 0) + 1
        return {"bank": {"day": on.isoformat(), "serial": serial, "rows": rows, **more}}

    def camt_file(self):
        """A camt file with a payment in, one that may be the money of a BgMax row, or a refund."""
        shape, on, row = self.random.random(), self.near(20, 0), {"as": self.handle("b"), "reference": ""}
        told = self.pick(p for p in self.model.bank.values() if p.finding == "NO_REFERENCE" and p.format == "bgmax" and p.on <= self.model.today)
        overpaid = self.pick(i for i in self.invoices() if self.model.overpaid(i))
        if shape < 0.35 and overpaid:
            row.update(refunds="$" + overpaid.handle, amount=kronor(-self.model.overpaid(overpaid)))
            on = self.model.today
        elif shape < 0.65 and told:
            row["amount"], on = kronor(told.amount), told.on
        else:
            invoice = self.pick(self.invoices())
            row["amount"] = kronor(1_000_000 + 100 * self.made["b"] + self.random.randint(1, 99))
            if invoice:
                row["pays"] = "$" + invoice.handle
        return self.file(on, [row], format="camt")

    def mark(self):
        """Marks a row as a duplicate of another of the same sum, now and then of one that it is not."""
        rows = list(self.model.bank.values())
        payment = self.pick(p for p in rows if p.amount > 0 and (p.finding == "AMBIGUOUS" or self.random.random() < 0.05))
        other = payment and self.pick(p for p in rows if p is not payment and (p.amount == payment.amount or self.random.random() < 0.05))
        return other and self.step("bankPaymentMarkDuplicate", {"bankPaymentId": "$" + payment.handle, "duplicateOfId": "$" + other.handle})

    # Refunds, write-offs and closed periods

    def open_days(self, first):
        """A day from `first` to today that is not closed; `None` when there is none."""
        first = max(first, self.model.open_day(first))
        days = (self.model.today - first).days
        return first + timedelta(days=self.random.randint(0, days)) if days >= 0 else None

    def refund(self):
        overpaid = [i for i in self.invoices() if self.model.overpaid(i)]
        invoice = self.pick(overpaid if overpaid and self.random.random() < 0.95 else self.invoices())
        on = invoice and self.open_days(invoice.issued)
        if on is None:
            return None
        left = self.model.overpaid(invoice) or 100
        amount = self.random.choice([left, left, self.random.randint(1, left), left + 1])
        on = self.random.choice([on, self.model.today])
        given = {"invoiceId": "$" + invoice.handle, "paidOn": on.isoformat(), "amount": kronor(amount), "reference": f"U{self.made.get('u', 0) + 1}"}
        return self.step("refundRecord", given, "u")

    def reverse_refund(self):
        refund = self.pick(r for r in self.model.refunds.values() if r.kind == "REFUND" and not r.bank)
        on = refund and self.open_days(refund.on)
        return on and self.step("refundReverse", {"refundId": "$" + refund.handle, "reversedOn": on.isoformat(), "reason": "Kom tillbaka"})

    def write_off(self):
        small = [i for i in self.invoices() if 0 < abs(i.total - self.model.covered(i)) <= 120]
        invoice = self.pick(small if small and self.random.random() < 0.8 else self.invoices())
        if invoice is None:
            return None
        return self.step("invoiceWriteOff", {"invoiceId": "$" + invoice.handle, "writtenOffOn": self.model.today.isoformat(), "reason": "Ören"})

    def close_period(self):
        last = self.model.today.replace(day=1) - DAY
        through = self.random.choice([last, last, last - timedelta(days=31), self.near(20, 2)])
        return self.step("periodClose", {"closedThrough": through.isoformat()})

    def reopen_period(self):
        first = self.model.closed and self.model.closed - timedelta(days=self.random.randint(-1, 40))
        return first and self.step("periodReopen", {"reopenedFrom": first.isoformat(), "reason": "Rättelse"})

    def waiting(self):
        return self.pick(p for p in self.model.bank.values() if not p.was_reversed and (self.model.bank_left(p) or self.random.random() < 0.05))

    def match(self):
        payment, invoice = self.waiting(), self.pick(self.invoices())
        if payment is None or invoice is None or payment.amount < 0:
            return None
        given = {"bankPaymentId": "$" + payment.handle, "invoiceId": "$" + invoice.handle}
        left = self.model.bank_left(payment)
        if left > 1 and self.random.random() < 0.4:
            given["amount"] = kronor(self.random.randint(1, left))
        first = max(payment.on, invoice.issued)
        booked = self.open_days(first)
        if booked is None:
            return None
        if payment.on < invoice.issued or self.model.open_day(payment.on) != payment.on or self.random.random() < 0.5:
            given["bookedOn"] = booked.isoformat()
        return self.step("bankPaymentMatch", given, "p")

    def set_aside(self):
        payment = self.waiting()
        if payment is None:
            return None
        if payment.set_aside:
            return self.step("bankPaymentReopen", {"bankPaymentId": "$" + payment.handle})
        return self.step("bankPaymentExclude", {"bankPaymentId": "$" + payment.handle, "reason": "Annans"})

    def book(self):
        activity = self.pick(self.model.activities)
        given = {"activityId": "$" + activity, "bookedOn": self.near(200, 0).isoformat(), "amount": self.money(100, 90000)}
        if self.random.random() < 0.6:
            return self.step("costRecord", {**given, "description": "Konsult"})
        return self.step("grantRecord", {**given, "funder": "Myndigheten"})

    def questions(self):
        """Days, years and a window that the reports are asked about after a step."""
        today = self.model.today
        days = sorted([today, self.near(500, 0), self.near(0, 500)], key=lambda on: self.random.random())
        years = [today.year + self.random.randint(-1, 0), today.year + 1]
        return {"days": [on.isoformat() for on in days], "years": years, "within": self.random.choice([30, 90, 365]), "perMille": self.pick([1, 2.5, 4])}
