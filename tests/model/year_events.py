"""Sends the bank's files and mutations of a drawn year to the program, and books what the rules make of them."""

from datetime import date, timedelta

from bank import bgmax, camt
from dates import DAY, swedish_today
from money import kronor, ore

PAYMENTS = "payments { id receivedOn amount reverses { id } }"


class Events:
    """What happens to a register after the import, counted by kind in `done`."""

    def __init__(self, program, year):
        self.program, self.year, self.random, self.books = program, year, year.random, year.books
        self.client, self.ids, self.issued, self.done, self.files_made = None, {}, [], {}, 0

    def count(self, name, number=1):
        self.done[name] = self.done.get(name, 0) + number

    # Files of the bank and the closing

    def files(self, bank, rows, is_late=False, is_camt=False):
        """Has the bank's files of some rows imported: by month, or by ten days when there are many; BgMax or camt.054."""
        groups, most = {}, 31 if len(rows) < 1_000 else 10
        for row in sorted(rows, key=lambda row: row.on):
            groups.setdefault((row.on.month, (row.on.day - 1) // most) if not is_late else 0, []).append(row)
        for group in groups.values():
            self.files_made += 1
            if is_camt or self.files_made % 4 == 0:
                name, data, resent = f"camt-{self.files_made}.xml", camt(f"N{self.files_made}", group), None
            else:
                deposits = bank.deposits(group)
                name, data = f"bgmax-{self.files_made}.txt", bgmax(deposits)
                # The bank sends a deposit again under another serial number: none of it is booked twice.
                resent = [(on, serial + 50_000, of_day) for on, serial, of_day in deposits[:1]]
            self.program.run("payments", "import", self.program.file(name, data))
            self.count("bank files")
            self.count("bank rows", len(group))
            for row in group:
                row.is_bgmax = resent is not None
                bank.book(row)
            if resent and self.random.random() < 0.3:
                self.program.run("payments", "import", self.program.file("again-" + name, bgmax(resent)))
                self.count("rows sent again", len(resent[0][2]))

    def close(self, through):
        self.program.run("period", "close", "--through", str(through))
        self.books.closed = through
        self.count("periods closed")

    def refund_rows(self, bank, most):
        """Outgoing rows that pay overpaid invoices back, named by their number."""
        overpaid = [claim for claim in self.books.claims.values() if self.books.left(claim) <= -100]
        rows = []
        for claim in self.random.sample(overpaid, min(most, len(overpaid))):
            on = self.year.day(max([self.books.closed + DAY, *claim.days, *claim.book_days]), self.year.last)
            row = bank.row(on, self.books.left(claim), "", claim, "REFUND")
            row.text = f"Återbetalning faktura {claim.number}"
            rows.append(row)
        return rows

    def doubles(self, bank, most):
        """Rows of a camt file that may be the money of rows that a BgMax file told of without a reference."""
        told = [row.told for row in self.books.rows.values() if row.told.kind == "NO_REFERENCE" and row.told.is_bgmax]
        rows = []
        for other in self.random.sample(told, min(most, len(told))):
            rows.append(bank.row(other.on, other.amount, kind="AMBIGUOUS", double=other.number))
        return rows

    # Mutations

    def serve(self):
        self.client = self.program.serve()

    def mutate(self, name, given, selection="id"):
        self.count(name)
        return self.client.mutate("FINANCE", name, given, selection)

    def id_of(self, claim):
        if claim.number not in self.ids:
            document = f'{{ invoice(by: {{ number: "{claim.number}" }}) {{ id }} }}'
            self.ids[claim.number] = self.client.ask("FINANCE", document)["invoice"]["id"]
        return self.ids[claim.number]

    def issue(self, count):
        """Issues invoices of December by mutations."""
        asked = "{ members(first: 100) { nodes { id name } } activities(first: 100) { nodes { id slug } } }"
        found = self.client.ask("FINANCE", asked)
        self.members = {node["name"]: node["id"] for node in found["members"]["nodes"]}
        names = {row[0]: row[1] for row in self.year.files["members"]}
        activities = {node["slug"]: node["id"] for node in found["activities"]["nodes"]}
        for on in sorted(self.year.day(date(self.year.year, 12, 1), self.year.last) for _ in range(count)):
            rates = ["OUTSIDE_SCOPE"] if self.random.random() < 0.2 else ["STANDARD_25", "REDUCED_12", "REDUCED_6", "EXEMPT"]
            lines = [self.year.line(rates) for _ in range(self.random.randint(1, 3))]
            buyer = f"m{self.random.randrange(len(names))}"
            given = [
                {"description": "Kurs för åren", "unitPrice": kronor(line.price), "quantity": line.quantity, "vatRate": line.vat_rate,
                 **({"activityId": activities[line.activity]} if line.activity else {})}
                for line in lines
            ]
            draft = self.mutate("invoiceDraft", {"buyerId": self.members[names[buyer]], "lines": given})
            node = self.mutate("invoiceIssue", {"invoiceId": draft["id"], "issuedOn": str(on)}, "id number dueOn total")
            claim = self.books.issue(node["number"], buyer, on, date.fromisoformat(node["dueOn"]), lines, 0)
            if ore(node["total"]) != claim.total:
                raise RuntimeError(f"invoice {claim.number} is over {node['total']}, expected {kronor(claim.total)}")
            self.ids[claim.number] = node["id"]
            claim.is_own = True
            self.issued.append(claim)

    def mutations(self, count):
        """Draws mutations of every kind."""
        waiting = self.waiting()
        for _ in range(count):
            for draw in (self.record, self.reverse, self.refund, self.write_off, self.record):
                draw()
        for row in waiting:
            self.look_at(row)
        for claim in self.issued:
            self.remind(claim)
        for _ in range(count // 4 + 1):
            self.credit()

    def any_claim(self, wanted):
        claims = [claim for claim in self.books.claims.values() if wanted(claim)]
        return self.random.choice(claims) if claims else None

    def record(self):
        """Records a payment, now and then of a closed month."""
        claims = [claim for claim in self.year.for_mutations if self.books.left(claim) > 1_000]
        if not claims:
            return
        claim = self.random.choice(claims)
        left, on = self.books.left(claim), self.year.day(claim.issued, self.year.last)
        shape = self.random.random()
        amount = left if shape < 0.5 else left + self.random.choice([-1, 1]) * self.random.randint(1, 99) if shape < 0.7 else self.random.randint(200, left + 90_000)
        given = {"invoiceId": self.id_of(claim), "receivedOn": str(on), "amount": kronor(amount), "reference": self.year.reference(), "isDifferentPayment": True}
        self.mutate("paymentRecord", given)
        self.books.pay(claim, on, amount)
        self.books.settle(claim)

    def payment_id(self, payment):
        """The id of a payment, by its day and amount."""
        claim = self.books.claims[payment.number]
        document = f'{{ invoice(by: {{ number: "{claim.number}" }}) {{ {PAYMENTS} }} }}'
        nodes = self.client.ask("FINANCE", document)["invoice"]["payments"]
        gone = {node["reverses"]["id"] for node in nodes if node["reverses"]}
        for node in nodes:
            if node["receivedOn"] == str(payment.on) and ore(node["amount"]) == payment.amount and not node["reverses"] and node["id"] not in gone:
                return node["id"]
        raise RuntimeError(f"invoice {claim.number} has no payment of {kronor(payment.amount)} on {payment.on}: {nodes}")

    def reverse(self):
        """Takes a payment back that is alike no other one."""
        def wanted(claim):
            true = [p for p in claim.payments if not p.reverses and not p.is_reversed]
            return true and len({(p.on, p.amount) for p in true}) == len(true) and not claim.refunds
        claim = self.any_claim(wanted)
        if claim is None:
            return
        payment = self.random.choice([p for p in claim.payments if not p.reverses and not p.is_reversed])
        on = self.year.day(self.books.open_day(payment.on), self.year.last)
        self.mutate("paymentReverse", {"paymentId": self.payment_id(payment), "reversedOn": str(on), "reason": "Fel faktura"})
        self.books.reverse(payment, on)
        self.books.settle(claim)

    def refund(self):
        """Pays an overpayment back, all or some of it, and now and then takes that back."""
        claim = self.any_claim(lambda claim: self.books.left(claim) <= -200)
        if claim is None:
            return
        left = -self.books.left(claim)
        on, amount = self.year.day(self.books.open_day(max(claim.days)), self.year.last), left if self.random.random() < 0.7 else self.random.randint(1, left - 100)
        given = {"invoiceId": self.id_of(claim), "paidOn": str(on), "amount": kronor(amount), "reference": self.year.reference()}
        node = self.mutate("refundRecord", given, "invoice { refunds { id reference } }")["invoice"]
        self.books.refund(claim, on, amount)
        self.books.settle(claim)
        if self.random.random() < 0.3:
            refund = next(row["id"] for row in node["refunds"] if row["reference"] == given["reference"])
            back = self.year.day(on, self.year.last)
            self.mutate("refundReverse", {"refundId": refund, "reversedOn": str(back), "reason": "Kom tillbaka"}, "invoice { id }")
            self.books.refund(claim, back, -amount)
            self.books.settle(claim)

    def write_off(self):
        """Writes off a difference that the import brought."""
        claim = self.any_claim(lambda claim: 0 < abs(self.books.left(claim)) <= 99)
        if claim is None:
            return
        on = self.year.day(self.books.open_day(max(claim.days)), self.year.last)
        self.mutate("invoiceWriteOff", {"invoiceId": self.id_of(claim), "writtenOffOn": str(on), "reason": "Ören"}, "invoice { id }")
        self.books.write_off(claim, self.books.open_day(on), self.books.left(claim))

    def remind(self, claim):
        """Reminds of an invoice that the register has issued to a member, whose statutes have a fee."""
        on = claim.due + timedelta(days=20)
        if claim.payments or on > swedish_today() or self.random.random() < 0.5:
            return
        node = self.mutate("invoiceRemind", {"invoiceId": self.id_of(claim), "sentOn": str(on)}, "reminders { fee }")
        fee = ore(node["reminders"][0]["fee"])
        if fee != 6_000:
            raise RuntimeError(f"the reminder of {claim.number} costs {fee} öre, expected 6000")
        self.books.remind(claim, on, fee)

    def credit(self):
        """Credits an invoice today."""
        claim = self.any_claim(lambda claim: not claim.credits and claim.get("is_own"))
        if claim:
            self.mutate("invoiceCredit", {"invoiceId": self.id_of(claim), "reason": "Rättelse"})
            self.books.credit(claim, swedish_today(), claim.lines, claim.rounding)
            self.books.settle(claim)

    # What waits

    def waiting(self):
        """The rows that wait, with their ids. Fails unless they are those of the books."""
        document = "id receivedOn amount remaining finding status"
        nodes = self.client.every("FINANCE", "bankPayments", ", filter: { status: PENDING }", document)
        own = [row for row in self.books.rows.values() if self.books.row_left(row)]
        key = lambda on, amount, left, finding: (str(on), amount, left, finding)
        found = {}
        for node in nodes:
            found.setdefault(key(node["receivedOn"], ore(node["amount"]), ore(node["remaining"]), node["finding"]), []).append(node["id"])
        wanted = sorted(key(row.on, row.amount, self.books.row_left(row), row.told.kind) for row in own)
        actual = sorted(each for each, ids in found.items() for _ in ids)
        if wanted != actual:
            missing, more = [w for w in wanted if w not in actual], [a for a in actual if a not in wanted]
            raise RuntimeError(f"rows that wait: expected and missing {missing[:20]}, not expected {more[:20]}")
        for row in own:
            row.id = found[key(row.on, row.amount, self.books.row_left(row), row.told.kind)].pop()
        return own

    def look_at(self, row):
        """Matches a row that waits, whole or in part, sets it aside, or leaves it."""
        told = row.told
        if self.random.random() < 0.3:
            return
        if told.get("double"):
            self.mutate("bankPaymentMarkDuplicate", {"bankPaymentId": row.id, "duplicateOfId": self.books.rows[told.double].id}, "bankPayment { id }")
            self.books.drop(row)
            return
        if told.kind in ("NO_REFERENCE", "UNKNOWN_REFERENCE") and self.random.random() < 0.3:
            self.mutate("bankPaymentExclude", {"bankPaymentId": row.id, "reason": "Bidrag"})
            if self.random.random() < 0.5:
                self.mutate("bankPaymentReopen", {"bankPaymentId": row.id})
            return
        claim = told.claim or self.any_claim(lambda claim: self.books.left(claim) > 10_000)
        if claim is None:
            return
        # A payment of a closed day that no batch has stays as it is.
        is_closed = told.kind == "AMBIGUOUS" and told.link and told.link.booked <= self.books.closed
        if told.kind == "AMBIGUOUS" and not is_closed and told.link in claim.payments and not told.link.is_reversed and not told.link.row:
            given = {"bankPaymentId": row.id, "invoiceId": self.id_of(claim), "recordedPaymentId": self.payment_id(told.link)}
            self.mutate("bankPaymentMatch", given)
            self.books.link(row, told.link)
            return
        if told.kind == "AMBIGUOUS":
            return
        left = self.books.row_left(row)
        amount = left if self.random.random() < 0.6 else self.random.randint(1, left)
        first = max(row.on, claim.issued, self.books.closed + DAY)
        booked = self.year.day(first, self.year.last) if first < self.year.last else self.year.last
        self.mutate("bankPaymentMatch", {"bankPaymentId": row.id, "invoiceId": self.id_of(claim), "amount": kronor(amount), "bookedOn": str(booked)})
        self.books.pay(claim, max(row.on, claim.issued), amount, booked, row)
        self.books.settle(claim)
