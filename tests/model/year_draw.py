"""Draws the documents of a year, books them and writes them as the CSV files of an import."""

import csv
import os
from datetime import date, timedelta
from fractions import Fraction

from dates import DAY
from model import Record
from money import half_up, kronor, luhn_digit, ocr
from year_books import INTEREST, REVENUE, Books, to_kronor, vat_of_lines

MEMBERS, ORGANISATIONS = 18, 4
ACTIVITIES = {"bip": "BIP", "indikatorer": "Indikatorer", "jgl": "JGL", "valdet": "Stoppa våldet"}
RATES = ["STANDARD_25", "STANDARD_25", "STANDARD_25", "REDUCED_12", "REDUCED_6", "EXEMPT", "ZERO"]
ABROAD = ["3305", "3308"]
HEADS = {
    "members": "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city",
    "organisations": "key,name,org_number,billing_email,peppol_id,buyer_reference,address_line,postal_code,city",
    "activities": "key,slug,name,purpose,goal,funding,starts_on,ends_on",
    "invoices": "key,number,kind,buyer,issued_on,due_on,credits,ocr,rounding",
    "invoice_lines": "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate,account,credits_line,vat",
    "payments": "invoice,received_on,amount,reference,reverses,reason,booked_on",
    "adjustments": "invoice,kind,dated_on,amount,reference,reverses,reason",
    "reminders": "invoice,sent_on,fee",
}


def org_number(index):
    base = f"222{index:06}"
    return f"{base[:6]}-{base[6:]}{luhn_digit(base)}"


class Year:
    """A year of documents: rows of CSV files, their books, and invoices that wait for the bank's files and for mutations."""

    def __init__(self, year, random):
        self.year, self.random, self.books = year, random, Books()
        self.first, self.last = date(year, 1, 1), date(year, 12, 31)
        self.files = {name: [] for name in HEADS}
        self.references, self.numbers = 0, [10_000, 500]
        # Invoices of which a file of the bank or a mutation is to book payments, and those that were paid outside the register before.
        self.for_bank, self.for_mutations, self.recorded = [], [], []

    def write(self, folder):
        """Writes the files of the import."""
        for name, rows in self.files.items():
            with open(os.path.join(folder, name + ".csv"), "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(HEADS[name].split(","))
                writer.writerows(rows)

    def add(self, table, **cells):
        self.files[table].append([cells.get(column, "") for column in HEADS[table].split(",")])

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def day(self, first, last):
        """A day of a span, often the first or last one of a month."""
        on = first + timedelta(days=self.random.randint(0, (last - first).days))
        edge = self.random.choice([on, on, on, on.replace(day=1), on.replace(day=1) - DAY])
        return edge if first <= edge <= last else on

    def reference(self):
        self.references += 1
        return f"BG{self.references:06}"

    # Who buys and what earns

    def people(self):
        """Members, organisations and activities."""
        address = {"buyer_reference": "Ref 7", "address_line": "Gatan 1", "postal_code": "702 10", "city": "Örebro"}
        for index in range(MEMBERS):
            name = f"Samordningsförbundet Åmål {index}" if index % 2 else f"Finsam {index}"
            self.add("members", key=f"m{index}", name=name, org_number=org_number(index), joined_on="2019-01-01", **address)
        for index in range(ORGANISATIONS):
            self.add("organisations", key=f"o{index}", name=f"Bolaget Ö {index} AB", org_number=org_number(500 + index), **address)
        for slug, name in ACTIVITIES.items():
            self.add("activities", key=slug, slug=slug, name=name, funding="COURSE_INCOME", starts_on="2019-01-01")
        self.buyers = [f"m{index}" for index in range(MEMBERS)] + [f"o{index}" for index in range(ORGANISATIONS)]

    # Invoices and credit notes

    def line(self, rates, price=None):
        """A line of an invoice: what it is over, with activity, rate and account."""
        rate = self.random.choice(rates)
        quantity = self.random.choice(["1", "1", "2", "0.5", "1.333", "17"])
        price = price or self.random.choice([self.random.randint(5_000, 900_000), self.random.randint(50, 9_000) * 100])
        activity = None if self.chance(15) else self.random.choice(list(ACTIVITIES))
        account = self.random.choice(ABROAD) if rate == "ZERO" else REVENUE[rate]
        net = half_up(price * Fraction(quantity))
        return Record(activity=activity, vat_rate=rate, quantity=quantity, price=price, net=net, account=account)

    def lines(self):
        """The lines of an invoice: fees, courses, interest, now and then a deduction."""
        if self.chance(2):
            price = self.random.randint(5_000, 80_000)
            return [Record(activity=None, vat_rate="OUTSIDE_SCOPE", quantity="1", price=price, net=price, account=INTEREST)]
        rates = ["OUTSIDE_SCOPE"] if self.chance(12) else RATES
        lines = [self.line(rates) for _ in range(self.random.randint(1, 4))]
        if self.chance(5):
            lines.append(self.line([lines[0].vat_rate], -self.random.randint(1, lines[0].net // 40)))
            lines[-1].account = lines[0].account
        return lines

    def put_line(self, key, line, **more):
        cells = {"description": "Avgift för åren", "quantity": line.quantity, "unit_price": kronor(line.price), "vat_rate": line.vat_rate}
        self.add("invoice_lines", invoice=key, activity=line.activity or "", account=line.account, **cells, **more)

    def invoice(self, on):
        """An issued invoice with its claim."""
        self.numbers[0] += 1
        number, buyer, lines = str(self.numbers[0]), self.random.choice(self.buyers), self.lines()
        due = on + timedelta(days=self.random.choice([30, 30, 30, 14, 0, 20]))
        total = sum(line.net for line in lines) + sum(vat_of_lines(lines).values())
        rounding = to_kronor(total) if self.chance(30) else 0
        cells = {"key": "i" + number, "number": number, "kind": "INVOICE", "buyer": buyer, "issued_on": on, "due_on": due}
        self.add("invoices", **cells, ocr=ocr(number), rounding=kronor(rounding))
        for line in lines:
            self.put_line("i" + number, line)
        return self.books.issue(number, buyer, on, due, lines, rounding)

    def credit_note(self, claim, on, lines, rounding=0, vat_by_rate=None, places=None):
        """A credit note; with `places`, its lines name those that they credit, and say their VAT."""
        self.numbers[1] += 1
        number = str(self.numbers[1])
        cells = {"key": "k" + number, "number": number, "kind": "CREDIT_NOTE", "buyer": claim.buyer, "issued_on": on}
        self.add("invoices", **cells, credits="i" + claim.number, rounding=kronor(rounding))
        for index, line in enumerate(lines):
            more = {}
            if places:
                more = {"credits_line": places[index] + 1, "vat": kronor((vat_by_rate or vat_of_lines(lines)).get(line.vat_rate, 0))}
            self.put_line("k" + number, line, **more)
        self.books.credit(claim, on, lines, rounding, vat_by_rate)

    def credit(self, claim):
        """Credits an invoice: all of it, a line, a part of a line, or all of it in two steps."""
        on = self.day(claim.issued, min(self.last, claim.issued + timedelta(days=100)))
        lines = claim.lines
        is_plain = all(line.price > 0 for line in lines)
        rates = {line.vat_rate for line in lines}
        shape = self.random.choice(["whole", "whole", "line", "part", "steps"]) if is_plain else "whole"
        part = lambda line, net: Record(line, quantity="1", price=net, net=net)
        line = self.random.choice(lines)
        some = [line] if shape == "line" else [part(line, self.random.randint(1, line.net))] if shape != "whole" else lines
        # Never beyond the original, which whole kronor may have made less.
        if sum(line.net for line in some) + sum(vat_of_lines(some).values()) > claim.total:
            shape = "whole"
        if shape == "whole":
            self.credit_note(claim, on, lines, claim.rounding)
        elif shape != "steps" or len(rates) < len(lines):
            self.credit_note(claim, on, some)
        else:
            # Each rate has one line, so that the VAT of a line is that of its rate.
            first = part(lines[0], self.random.randint(1, lines[0].net - 200))
            later = self.day(on, self.last)
            self.credit_note(claim, on, [first], places=[0])
            rest, vat = [part(lines[0], lines[0].net - first.net), *lines[1:]], vat_of_lines(lines)
            if first.vat_rate in vat:
                vat[first.vat_rate] -= vat_of_lines([first])[first.vat_rate]
            self.credit_note(claim, later, rest, claim.rounding, vat, list(range(len(lines))))

    # What an import brings of payments

    def put_payment(self, claim, on, amount, **more):
        """A payment of an import; answers it with its reference."""
        payment = self.books.pay(claim, on, amount, **({"reverses": more["of"]} if "of" in more else {}))
        payment.reference = self.reference()
        cells = {"reverses": more["of"].reference, "reason": "Fel faktura"} if "of" in more else {}
        self.add("payments", invoice="i" + claim.number, received_on=on, amount=kronor(amount), reference=payment.reference, **cells)
        return payment

    def after(self, on, most=70):
        return self.day(on, min(self.last, on + timedelta(days=most)))

    def pay(self, claim):
        """Payments of an import: whole, in parts, by öre too little, too much and paid back, or reversed."""
        left, on = self.books.left(claim), self.after(claim.issued)
        if left < 1_000:
            return
        shape = self.random.choice(["whole", "whole", "parts", "part", "öre", "much", "much", "reversed"])
        if shape == "whole":
            self.put_payment(claim, on, left)
        elif shape in ("parts", "part"):
            first = self.random.randint(300, left - 300)
            self.put_payment(claim, on, first)
            if shape == "parts":
                self.put_payment(claim, self.after(on, 40), left - first)
        elif shape == "öre":
            self.put_payment(claim, on, left + self.random.choice([-1, 1]) * self.random.randint(1, 99))
            if self.chance(60):
                last = max(claim.days)
                self.adjust(claim, "WRITE_OFF", last, self.books.left(claim), "1")
        elif shape == "much":
            self.put_payment(claim, on, left + self.random.choice([left, self.random.randint(100, 500_000)]))
            if self.chance(50):
                self.adjust(claim, "REFUND", self.day(max(claim.days), self.last), -self.books.left(claim), self.reference())
        else:
            slip = self.put_payment(claim, on, self.random.randint(300, left))
            slip.is_reversed = True
            back = self.after(on, 50)
            self.put_payment(claim, back, -slip.amount, of=slip)
            if self.chance(50):
                self.put_payment(claim, self.after(back, 30), left)
        self.recorded.append(claim)

    def adjust(self, claim, kind, on, amount, reference):
        self.add("adjustments", invoice="i" + claim.number, kind=kind, dated_on=on, amount=kronor(amount), reference=reference)
        if kind == "REFUND":
            self.books.refund(claim, on, amount)
        else:
            self.books.write_off(claim, on, amount)

    def remind(self, claim):
        """One or two reminders, the first with a fee."""
        for index in range(self.random.randint(1, 2)):
            on = claim.due + timedelta(days=self.random.randint(5, 20) + 30 * index)
            if on <= self.last:
                fee = 6_000 if index == 0 and self.chance(70) else 0
                self.add("reminders", invoice="i" + claim.number, sent_on=on, fee=kronor(fee))
                self.books.remind(claim, on, fee)

    def draw(self, documents):
        """Draws so many invoices and credit notes through November, with what was paid and reminded of them."""
        self.people()
        days = sorted(self.day(self.first, date(self.year, 11, 30)) for _ in range(round(documents / 1.15)))
        claims = [self.invoice(on) for on in days]
        for claim in claims:
            if self.chance(16):
                self.credit(claim)
        for claim in claims:
            if self.chance(12):
                self.remind(claim)
            plan = self.random.random()
            if plan < 0.25:
                self.pay(claim)
            elif plan < 0.75:
                self.for_bank.append(claim)
            elif plan < 0.88:
                self.for_mutations.append(claim)
