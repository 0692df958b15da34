"""Calculates from the model what each report of the register must answer, in the words and forms of the API."""

from datetime import date, timedelta
from fractions import Fraction

from dates import DAY, FOREVER, banking_day
from money import half_up, kronor, ocr, year_fee


def iso(on):
    return on.isoformat() if on else None


def month_of(on):
    return f"{on.year}-{on.month:02}"


class Reports:
    """The expected reports of a model; those of a copy by files have no snoozes, which are in no file."""

    def __init__(self, model, is_copy=False):
        self.model, self.is_copy = model, is_copy

    def name(self, handle):
        rows = {**self.model.members, **self.model.organisations}
        return rows[handle].name if handle else None

    def number(self, agreement):
        return (agreement.number or "UTKAST") if agreement else None

    def slug(self, handle):
        return self.model.activities[handle].slug if handle else None

    # Agreements

    def deadline(self, agreement, on):
        found = self.model.next_deadline(agreement, on)
        return found and {"kind": found[0], "reason": found[1], "on": iso(found[2])}

    def agreement(self, a, days, years):
        """One agreement as of some days."""
        model = self.model
        answer = {
            "number": self.number(a), "kind": a.kind, "direction": a.direction, "activity": self.slug(a.activity), "counterparty": self.name(a.counterparty),
            "startsOn": iso(a.starts), "endsOn": iso(a.ends), "noticeMonths": a.notice, "renewalMonths": a.renewal, "signedOn": iso(a.signed),
            "withdrawnOn": iso(a.withdrawn), "noticeGivenOn": iso(a.notice_given), "status": model.status(a, model.today),
            "replaces": None if a.withdrawn else self.number(model.agreements.get(a.replaces)), "replacedBy": self.number(model.successor(a, is_signed=False)),
        }
        for index, on in enumerate(days):
            answer[f"status{index}"] = model.status(a, on)
            answer[f"deadline{index}"] = self.deadline(a, on) if on >= model.today else None
            answer[f"term{index}"] = iso(model.term_ends(a, on)) if model.is_live(a) and on >= a.starts else None
        fees = [model.fee_for(a, year) if a.fee and model.is_live(a) else None for year in years]
        answer["fees"] = [kronor(fee) for fee in fees] if None not in fees else None
        return answer

    def agreements(self, days, years):
        rows = [self.agreement(a, days, years) for a in self.model.agreements.values()]
        return sorted(rows, key=lambda row: (row["number"], row["counterparty"], row["startsOn"], str(row)))

    def expiring(self, start, within):
        """Number, kind, reason and day of each deadline in a window."""
        found = []
        for a in self.model.agreements.values():
            deadline = self.deadline(a, start)
            if self.is_quiet(a, start):
                continue
            if deadline and start <= date.fromisoformat(deadline["on"]) <= start + timedelta(days=within):
                found.append({"number": self.number(a), **deadline})
        return sorted(found, key=lambda row: (row["on"], row["number"]))

    def is_quiet(self, agreement, on):
        """`true` if the deadline is snoozed until a day or later."""
        return not self.is_copy and agreement.quiet_until is not None and agreement.quiet_until >= on

    def filters(self, on):
        """What lists hold when they are filtered by a status as of a day, and by participation."""
        model, answer = self.model, {}
        for a in model.agreements.values():
            answer.setdefault("agreements " + model.status(a, on), []).append(self.number(a))
        for i in model.invoices.values():
            answer.setdefault("invoices " + model.state(i, on), []).append(i.number or "")
        for m in model.members.values():
            status = "UPCOMING" if m.joined > on else "LEFT" if m.left and m.left < on else "ACTIVE"
            takes_part = any(model.is_in_force(a, on) for a in model.of_member(m.handle) if a.activity == "v1" and a.kind == "PARTICIPATION")
            for key in ("members " + status, "members in bip" if takes_part else "members not in bip"):
                answer.setdefault(key, []).append(m.name)
        return {key: sorted(names) for key, names in sorted(answer.items())}

    # Members

    def members(self, years):
        model, rows = self.model, []
        for m in model.members.values():
            status = "UPCOMING" if m.joined > model.today else "LEFT" if m.left and m.left < model.today else "ACTIVE"
            before = [other.name for other in model.members.values() if other.successor == m.handle]
            invoices = [i for i in model.invoices.values() if i.buyer == m.handle and i.issued]
            overdue = [i for i in invoices if i.due and banking_day(i.due) < model.today]
            row = {
                "name": m.name, "joinedOn": iso(m.joined), "leftOn": iso(m.left), "status": status, "successor": self.name(m.successor),
                "predecessors": sorted(before),
                "balance": {
                    "outstanding": kronor(sum(map(model.outstanding, invoices))), "overdue": kronor(sum(map(model.outstanding, overdue))),
                    "overpaid": kronor(sum(map(model.overpaid, invoices))),
                },
            }
            for year in years:
                row[f"service{year}"] = kronor(model.member_fee(m.handle, year, "PER_MILLE_OF_ALLOCATION")[0])
                row[f"membership{year}"] = kronor(model.member_fee(m.handle, year, "FIXED_PER_YEAR")[0])
                both = [m.allocations.get((year, basis)) for basis in ("ALL_PARTIES", "STATE_SHARE")]
                row[f"allocation{year}"] = kronor(both[1] if both[0] is None else both[0])
            rows.append(row)
        return sorted(rows, key=lambda row: row["name"])

    def scenario(self, year, per_mille, cap):
        """What members would pay under another service fee."""
        model, rows = self.model, []
        for m in model.members.values():
            if m.joined.year > year or (m.left and m.left.year < year):
                continue
            allocation = model.allocation(m.handle, year)
            if allocation is None:
                continue
            current = model.member_fee(m.handle, year, "PER_MILLE_OF_ALLOCATION")[0] or 0
            full = half_up(Fraction(allocation) * Fraction(str(per_mille)) / 1000)
            rows.append([m.name, kronor(current), kronor(min(full, cap)), kronor(full - min(full, cap))])
        return sorted(rows)

    # Participation

    def connected(self, activity, on):
        """The members that take part in an activity on a day, with their agreements."""
        found = {}
        for a in self.model.participations(activity):
            if self.model.is_in_force(a, on) and self.model.is_member(a.counterparty, on):
                found[a.counterparty] = a
        return found

    def matrix(self, on, compared_to):
        model = self.model
        running = [v for v in model.activities.values() if v.starts <= on <= (v.ends or FOREVER)]
        columns = sorted((v for v in running if set(v.funding) != {"VOLUNTEER"}), key=lambda v: v.slug)
        members = [m for m in model.members.values() if model.is_member(m.handle, on)]
        now = {v.handle: self.connected(v.handle, on) for v in columns}
        activities = []
        for v in columns:
            before = self.connected(v.handle, compared_to)
            activities.append({
                "slug": v.slug, "connected": len(now[v.handle]), "members": len(members),
                "notConnected": sorted(m.name for m in members if m.handle not in now[v.handle]),
                "before": len(before), "joined": sorted(self.name(m) for m in now[v.handle] if m not in before),
                "left": sorted(self.name(m) for m in before if m not in now[v.handle]),
            })
        rows = {m.name: {v.slug: self.number(now[v.handle].get(m.handle)) for v in columns} for m in members}
        return {"activities": activities, "rows": rows}

    # Invoices

    def invoice(self, i, days):
        model = self.model
        answer = {
            "number": i.number, "kind": i.kind, "buyer": self.name(i.buyer), "issuedOn": iso(i.issued), "dueOn": iso(i.due), "net": kronor(i.net),
            "vat": kronor(i.vat), "rounding": kronor(i.rounding), "total": kronor(i.total), "state": model.state(i, model.today),
            "ocr": ocr(i.number) if i.number and i.kind == "INVOICE" else None,
            "paid": kronor(model.paid(i) - model.adjusted(i, "REFUND")), "credited": kronor(model.credited(i)), "outstanding": kronor(model.outstanding(i)),
            "overpaid": kronor(model.overpaid(i)), "reminders": sorted(iso(on) for on in i.reminders),
            "payments": sorted([iso(p.on), iso(p.booked), kronor(p.amount)] for p in i.payments),
            "refunds": sorted([iso(a.on), kronor(a.amount)] for a in i.adjustments if a.kind == "REFUND"),
            "writeOffs": sorted([iso(a.on), kronor(a.amount)] for a in i.adjustments if a.kind == "WRITE_OFF"),
            "credits": model.invoices[i.credits].number if i.credits else None,
            "creditNotes": sorted(model.invoices[handle].number for handle in i.credit_notes),
            "lines": sorted([self.slug(line.activity), self.number(model.agreements.get(line.agreement)), line.vat_rate, kronor(line.net)] for line in i.lines)
            if all(line.activity and line.agreement for line in i.lines) else len(i.lines),
        }
        for index, on in enumerate(days):
            answer[f"state{index}"] = model.state(i, on)
            answer[f"late{index}"] = model.days_late(i, on)
            answer[f"interest{index}"] = kronor(model.interest(i, on))
            answer[f"books{index}"] = [kronor(amount) for amount in model.in_books(i, on)] if i.kind == "INVOICE" else None
        return answer

    def invoices(self, days):
        rows = [self.invoice(i, days) for i in self.model.invoices.values()]
        return sorted(rows, key=lambda row: (row["number"] or "", row["buyer"], row["net"], str(row)))

    def bank_payments(self):
        """Day, sum, finding, state and what is left of each payment of the bank's files."""
        model = self.model
        rows = [
            [iso(p.on), kronor(p.amount), p.finding, model.bank_state(p), kronor(p.matched), kronor(model.bank_left(p)), iso(p.set_aside)]
            for p in model.bank.values()
        ]
        return sorted(rows, key=str)

    def receivables(self, on):
        """The receivables of each member by age on a day in the books."""
        rows = {m.name: self.model.aged(m.handle, on) for m in self.model.members.values()}
        return {name: {key: kronor(amount) for key, amount in row.items()} for name, row in sorted(rows.items())}

    def run(self, run):
        """What an invoice run or its preview answers."""
        invoices = [
            [self.name(i.buyer), kronor(i.vat), kronor(i.rounding), kronor(i.total)]
            + sorted([self.number(self.model.agreements.get(line.agreement)) or "", line.vat_rate, kronor(line.net)] for line in i.lines)
            for i in run.invoices
        ]
        return {
            "invoiceCount": len(invoices), "net": kronor(sum(i.net for i in run.invoices)), "total": kronor(sum(i.total for i in run.invoices)),
            "alreadyInvoicedCount": run.already, "invoicedManuallyCount": run.manual, "invoices": sorted(invoices),
            "problems": sorted([self.name(buyer), self.number(self.model.agreements.get(a)) or ""] for buyer, a in run.problems),
        }

    # Revenue

    def documents(self):
        return [i for i in self.model.invoices.values() if i.issued]

    def invoiced(self):
        """Movements of lines on the day of issue: activity, buyer, day, net, VAT, credited."""
        for i in self.documents():
            sign = -1 if i.kind == "CREDIT_NOTE" else 1
            for line in i.lines:
                yield line.activity, i.buyer, i.issued, sign * line.net, sign * line.vat, line.net if sign < 0 else 0, 0

    def accrued(self):
        """Movements of lines spread by day over their periods, rounded cumulatively by month."""
        for i in self.documents():
            sign = -1 if i.kind == "CREDIT_NOTE" else 1
            for line in i.lines:
                start, end = line.get("period") or (i.issued, i.issued)
                total, first, before = (end - start).days + 1, start, (0, 0)
                while first <= end:
                    after = min(end, (first.replace(day=1) + timedelta(days=32)).replace(day=1) - DAY)
                    share = Fraction((after - start).days + 1, total)
                    now = half_up(line.net * share), half_up(line.vat * share)
                    net, vat = now[0] - before[0], now[1] - before[1]
                    yield line.activity, i.buyer, first, sign * net, sign * vat, net if sign < 0 else 0, 0
                    first, before = after + DAY, now

    def paid_split(self, invoice, until):
        """Net and VAT that are paid of each line by a day, and what came in beyond the lines."""
        shares, lefts = self.model.paid_by_line(invoice, until), self.model.line_lefts(invoice, until)
        nets = [line.net for line in invoice.lines]
        for handle in invoice.credit_notes:
            note = self.model.invoices[handle]
            for line in note.lines if note.issued <= until else ():
                nets[line.credits] -= line.net
        split = [(half_up(Fraction(share * net, left)) if left else 0) for share, net, left in zip(shares, nets, lefts)]
        return [(net, share - net) for net, share in zip(split, shares)], self.model.came(invoice, until) - sum(shares)

    def paid(self):
        """Movements of what is paid of lines, on the day of a payment, a reversal or a credit note."""
        for i in self.documents():
            days = {p.booked for p in i.payments} | {self.model.invoices[handle].issued for handle in i.credit_notes}
            days |= {a.booked for a in i.adjustments if a.kind == "REFUND"}
            before, beyond = [(0, 0)] * len(i.lines), 0
            for on in sorted(days):
                now, rest = self.paid_split(i, on)
                for line, old, new in zip(i.lines, before, now):
                    yield line.activity, i.buyer, on, new[0] - old[0], new[1] - old[1], 0, 0
                yield None, i.buyer, on, 0, 0, 0, rest - beyond
                before, beyond = now, rest

    def revenue(self, basis, start, end, by_activity=True):
        """Rows by activity and month, or by member and year."""
        movements = {"INVOICED": self.invoiced, "PAID": self.paid, "ACCRUED": self.accrued}[basis]()
        rows = {}
        for activity, buyer, on, *sums in movements:
            if start <= on <= end:
                member = self.name(buyer) if buyer in self.model.members else None
                key = (self.slug(activity) or "", month_of(on)) if by_activity else (member or "", str(on.year))
                row = rows.setdefault(key, [0] * 6)
                for index, amount in enumerate(sums):
                    row[index] += amount
        for place, bookings in ((4, self.model.costs), (5, self.model.grants)):
            for activity, on, amount in bookings:
                if start <= on <= end:
                    key = (self.slug(activity), month_of(on)) if by_activity else ("", str(on.year))
                    rows.setdefault(key, [0] * 6)[place] += amount
        return {" ".join(key): [kronor(amount) for amount in row] for key, row in sorted(rows.items()) if any(row)}

    def forecast(self, year):
        """Net and number of agreements by activity for a year that is not over."""
        rows = {}
        for a in self.model.agreements.values():
            is_income = self.model.is_live(a) and a.direction == "INCOME" and a.fee
            if is_income and self.model.last_day(a) >= self.model.today:
                fee = self.model.fee_for(a, year, is_forecast=True)
                if fee:
                    row = rows.setdefault(self.slug(a.activity), [0, 0])
                    row[0], row[1] = row[0] + fee, row[1] + 1
        return {slug: [kronor(row[0]), row[1]] for slug, row in sorted(rows.items())}

    def results(self, year):
        """What a year brought each activity, as `Activity.economy` answers it."""
        start, end, answer = date(year, 1, 1), date(year, 12, 31), {}
        for v in self.model.activities.values():
            sums = lambda movements: sum(m[3] for m in movements if m[0] == v.handle and start <= m[2] <= end)
            booked = lambda rows: sum(amount for activity, on, amount in rows if activity == v.handle and start <= on <= end)
            invoiced, cost, grants = sums(self.invoiced()), booked(self.model.costs), booked(self.model.grants)
            outstanding = 0
            for i in self.documents():
                # What was written off of a settled invoice is no longer owed.
                is_open = i.kind == "INVOICE" and self.model.covered(i) < i.total
                if is_open and start <= i.issued <= end:
                    lefts, paid = self.model.line_lefts(i, FOREVER), self.model.paid_by_line(i, FOREVER)
                    outstanding += sum(left - p for line, left, p in zip(i.lines, lefts, paid) if line.activity == v.handle)
            amounts = [invoiced, sums(self.paid()), outstanding, cost, grants, invoiced + grants - cost]
            answer[v.slug] = [kronor(amount) for amount in amounts]
        return answer

    def break_even(self, year):
        """How many must take part for each activity to carry its cost: the fixed yearly fee, and every fee by its basis."""
        model, answer = self.model, {}
        for v in model.activities.values():
            booked = lambda rows: sum(amount for activity, on, amount in rows if activity == v.handle and on.year == year)
            need = max(0, booked(model.costs) - booked(model.grants))
            rows = []
            for price in v.prices:
                if not price.valid_from <= model.today <= (price.valid_to or FOREVER):
                    continue
                if price.basis == "PER_MILLE_OF_ALLOCATION":
                    rows.append([price.basis, kronor(need), *self.largest_fees(price, need, year)])
                else:
                    rows.append([price.basis, kronor(need), -(-need // price.amount), kronor(0), []])
            fixed = [row[2] for row in rows if row[0] == "FIXED_PER_YEAR"]
            joined = sum(1 for a in model.participations(v.handle) if model.is_in_force(a, model.today))
            answer[v.slug] = {"fixed": [fixed[0], joined] if fixed else None, "rows": sorted(rows)}
        return answer

    def largest_fees(self, price, need, year):
        """The least number of members whose fees cover a need, what is lacking, and who has no allocation."""
        fees, missing = [], []
        for m in self.model.members.values():
            if m.joined.year > year or (m.left and m.left.year < year):
                continue
            known = [key[0] for key in m.allocations if key[1] == "ALL_PARTIES" and key[0] <= year]
            if known:
                fees.append(half_up(year_fee(price, m.allocations[(max(known), "ALL_PARTIES")])))
            else:
                missing.append(m.name)
        total, count = 0, 0
        for fee in sorted(fees, reverse=True):
            if total >= need:
                break
            total, count = total + fee, count + 1
        return count if total >= need else None, kronor(max(0, need - total)), sorted(missing)
