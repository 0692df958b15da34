"""Takes each step on the model and on the registers, and compares what they answer."""

import os
import re
import sys
import tempfile
from fractions import Fraction

from bank import bgmax, camt
from client import Client, Refused
from compare import NAME, RUN, Reader, compare, differences
from dates import day
from invoicing import Register
from model import Refusal
from money import kronor, ocr, ore
from reports import Reports

FINANCE = {
    "invoiceRun", "invoiceDraft", "invoiceDraftUpdate", "invoiceIssue", "invoiceDraftDiscard", "invoiceCredit", "paymentRecord", "paymentReverse",
    "invoiceRemind", "bankPaymentMatch", "bankPaymentExclude", "bankPaymentReopen", "bankPaymentMarkDuplicate", "refundRecord", "refundReverse",
    "invoiceWriteOff", "periodClose", "periodReopen",
}
INVOICE = f"id number issuedOn buyer {{ {NAME} }} lines {{ id net vat periodFrom periodTo agreement {{ number }} }}"
SELECTIONS = {
    "agreementOffer": "id document { sha256 }", "invoiceRun": RUN,
    "invoiceDraft": INVOICE, "invoiceDraftUpdate": INVOICE, "invoiceIssue": INVOICE, "invoiceCredit": INVOICE,
    "paymentRecord": "payments { id reference reverses { id } }", "paymentReverse": "payments { id reference reverses { id } }",
    "agreementNoticeWithdraw": "agreement { id }", "memberReinstate": "member { id }",
    "bankPaymentMatch": "id matches { payment { id reverses { id } } }",
    "refundRecord": "invoice { refunds { id reference } }", "refundReverse": "invoice { id }", "invoiceWriteOff": "invoice { id }",
    "bankPaymentMarkDuplicate": "bankPayment { id }", "periodClose": "booksClosedThrough", "periodReopen": "booksClosedThrough",
}
TEMPLATE = "## Avtal\n\nMellan {{ counterparty.name }} och {{ network.name }}."


class Difference(Exception):
    """A difference between the model and a register, or between two registers."""


class Session:
    """A model and the registers that take the same steps."""

    def __init__(self, urls, tokens, today, ask_driver, is_whole_kronor):
        self.tokens, self.ask_driver = tokens, ask_driver
        self.clients = [Client(url, tokens) for url in urls]
        self.ids = [{} for _ in urls]
        self.offered = self.mutations_of(self.clients[0])
        self.log, self.mutations, self.values = [], 0, 0
        rates = self.clients[0].ask("FINANCE", "{ referenceRates { validFrom percent } }")["referenceRates"]
        self.model = Register(today, {day(rate["validFrom"]): Fraction(str(rate["percent"])) for rate in rates}, is_whole_kronor)

    @staticmethod
    def mutations_of(client):
        """The names of the schema's mutations; empty when the register does not show its schema."""
        try:
            return {field["name"] for field in client.ask("OFFICE", '{ __type(name: "Mutation") { fields { name } } }')["__type"]["fields"]}
        except (Refused, TypeError):
            return set()

    def prepare(self):
        """Publishes a template for each kind of agreement and makes the reference rates of the coming years known."""
        for client, ids in zip(self.clients, self.ids):
            for kind in ("PARTICIPATION", "COOPERATION", "ASSIGNMENT"):
                given = {"slug": kind.lower(), "title": "Avtal", "kind": kind, "body": TEMPLATE, "parameters": []}
                made = client.mutate("OFFICE", "templateCreate", given, "id versions { id }")
                client.mutate("OFFICE", "templateVersionPublish", {"templateVersionId": made["versions"][0]["id"]}, "id")
                ids[kind] = made["id"]
            for year, percent in ((2027, 2.25), (2028, 2.5)):
                for month in ("01", "07"):
                    given = {"validFrom": f"{year}-{month}-01", "percent": percent, "source": "test"}
                    client.mutate("FINANCE", "referenceRateSet", given, "id")
        for year, percent in ((2027, 2.25), (2028, 2.5)):
            for month in (1, 7):
                self.model.rates[day(f"{year}-{month:02}-01")] = Fraction(str(percent))

    def known(self, value):
        """`true` if every handle in an input is known, so that the step can be taken."""
        if isinstance(value, str) and value.startswith("$"):
            return value[1:] in self.ids[0]
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return all(self.known(part) for part in parts)

    def bare(self, value):
        """An input with handles without their sign, for the model."""
        if isinstance(value, dict):
            return {key: self.bare(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.bare(part) for part in value]
        return self.model.today.isoformat() if value == "today" else value[1:] if isinstance(value, str) and value.startswith("$") else value

    def filled(self, step, index):
        """An input with the ids of one register."""
        ids, given = self.ids[index], step["input"]

        def fill(value):
            if isinstance(value, dict):
                return {key: fill(part) for key, part in value.items()}
            if isinstance(value, list):
                return [fill(part) for part in value]
            return ids[value[1:]] if isinstance(value, str) and value.startswith("$") else self.bare(value)

        filled = fill(given)
        if step["do"] == "agreementSign":
            filled["documentSha256"] = ids.get((given["agreementId"][1:], "sha256"), "0" * 64)
        if step["do"] == "invoiceCredit" and "lines" in given:
            filled["lines"] = [{**line, "lineId": ids[(given["invoiceId"][1:], line["lineId"])]} for line in given["lines"]]
        return filled

    def take(self, step):
        """Takes one step. Raises `Difference` when the model or a register answers otherwise."""
        self.log.append(step)
        if "clock" in step:
            return self.move_clock(step["clock"])
        if "check" in step:
            return self.check(step["check"])
        if "bank" in step:
            return self.take_bank_file(step["bank"])
        if not self.known(step["input"]):
            return None
        name, answers, words = step["do"], [], None
        try:
            made = getattr(self.model, re.sub("([A-Z])", lambda m: "_" + m[1].lower(), name))(step.get("as"), self.bare(step["input"]))
        except Refusal as refusal:
            made, words = None, refusal.words
        for index, client in enumerate(self.clients):
            try:
                role = "FINANCE" if name in FINANCE else "OFFICE"
                answers.append(client.mutate(role, name, self.filled(step, index), SELECTIONS.get(name, "id")))
            except Refused as refused:
                answers.append(refused)
        self.mutations += 1
        self.judge(step, answers, words)
        if words is None:
            self.learn(step, made, answers)
        return words

    def judge(self, step, answers, words):
        """Compares whether the model and the registers refuse a mutation, and why."""
        said = [answer.word() if isinstance(answer, Refused) else None for answer in answers]
        detail = next((f": {answer}" for answer in answers if isinstance(answer, Refused)), "")
        if len(set(said)) > 1:
            raise Difference(f"{step['do']}: one register answers {said[0] or 'data'}, the other {said[1] or 'data'}{detail}")
        is_right = said[0] is None if words is None else said[0] is not None and (words == {"*"} or said[0] in words)
        if not is_right:
            raise Difference(f"{step['do']}: expected {sorted(words) if words else 'data'}, the register answers {said[0] or 'data'}{detail}")

    def learn(self, step, made, answers):
        """Takes ids and what the rules leave open (line VAT, periods) from the answers."""
        name, handle = step["do"], step.get("as")
        for index, (answer, ids) in enumerate(zip(answers, self.ids)):
            if name == "agreementOffer":
                ids[(step["input"]["agreementId"][1:], "sha256")] = answer["document"]["sha256"]
            elif name == "invoiceRun":
                self.learn_run(made, answer, handle, index)
            elif name == "paymentRecord":
                ids[handle] = next(p["id"] for p in answer["payments"] if p["reference"] == step["input"]["reference"])
            elif name == "paymentReverse":
                ids[handle] = next(p["id"] for p in answer["payments"] if p["reverses"] and p["reverses"]["id"] == ids[step["input"]["paymentId"][1:]])
            elif name == "bankPaymentMatch":
                known = set(ids.values())
                new = [m["payment"]["id"] for m in answer["matches"] if m["payment"]["id"] not in known and not m["payment"]["reverses"]]
                # A payment that was recorded manually is taken for the money: none is new.
                if handle in self.model.payments:
                    ids[handle] = new[0]
            elif name == "refundRecord":
                ids[handle] = next(r["id"] for r in answer["invoice"]["refunds"] if r["reference"] == step["input"]["reference"])
            elif handle:
                ids[handle] = answer["id"]
            if name in ("invoiceDraft", "invoiceDraftUpdate", "invoiceCredit"):
                invoice = handle or step["input"]["invoiceId"][1:]
                self.learn_lines(self.model.invoices[invoice], answer, index)

    def learn_lines(self, invoice, node, index):
        """Takes the ids, VAT and periods of lines that stand in the same order in the model."""
        for place, (line, row) in enumerate(zip(invoice.lines, node["lines"])):
            self.ids[index][(invoice.handle, place)] = row["id"]
            line.vat = ore(row["vat"])
            line.period = (day(row["periodFrom"]), day(row["periodTo"])) if row["periodFrom"] else None
        if sum(line.vat for line in invoice.lines) != invoice.vat:
            raise Difference(f"invoice {invoice.handle}: the lines' VAT is not {invoice.vat} öre in all: {node}")

    def learn_run(self, run, answer, handle, index):
        """Compares a run with the model's and gives its invoices handles in order of number."""
        found = list(differences(Reports(self.model).run(run), Reader.run(answer)))
        if found:
            raise Difference("invoiceRun " + "\n".join(found))
        key = lambda name, lines: (name, sorted(lines))
        pending = {}
        for invoice in run.invoices:
            lines = [(self.number(line), kronor(line.net), line.vat_rate) for line in invoice.lines]
            pending.setdefault(str(key(Reports(self.model).name(invoice.buyer), lines)), []).append(invoice)
        for place, node in enumerate(answer["invoices"]):
            lines = [((row["agreement"] or {}).get("number") or "", row["net"], row["vatRate"]) for row in node["lines"]]
            invoice = pending[str(key(node["buyer"]["name"], lines))].pop(0)
            if index == 0:
                invoice.handle = f"{handle}.{place + 1}"
                self.model.issue(invoice, run.on)
                self.model.invoices[invoice.handle] = invoice
            order = {}
            for row in node["lines"]:
                order.setdefault(((row["agreement"] or {}).get("number") or "", row["net"]), []).append(row)
            rows = [order[(self.number(line), kronor(line.net))].pop(0) for line in invoice.lines]
            self.ids[index][invoice.handle] = node["id"]
            self.learn_lines(invoice, {**node, "lines": rows}, index)
            if node["number"] != invoice.number:
                raise Difference(f"invoiceRun: expected number {invoice.number}, the register has {node['number']}")

    def number(self, line):
        return Reports(self.model).number(self.model.agreements.get(line.agreement)) or ""

    def move_clock(self, to):
        """Asks the driver to move the registers' clock, and takes the new tokens that it may answer."""
        for word in self.ask_driver(f"clock {to}"):
            role, _, token = word.partition("=")
            self.tokens[role] = token
        self.model.today = day(to)

    def take_bank_file(self, given):
        """Lets the driver import a file of the bank, and takes the ids of the payments in it."""
        rows, is_camt, serial, on = [], given.get("format") == "camt", given["serial"], day(given["day"])
        for index, row in enumerate(given["rows"]):
            named = (row.get("pays") or row.get("refunds") or "")[1:]
            invoice = self.model.invoices.get(named)
            if named and (invoice is None or invoice.issued is None):
                return
            is_refund = bool(row.get("refunds"))
            reference = ocr(invoice.number) if invoice and not is_refund else "" if invoice else row["reference"]
            text = f"Återbetalning faktura {invoice.number}" if is_refund else ""
            rows.append({
                "as": row["as"], "on": on, "number": serial * 1000 + index, "pays": None if is_refund else invoice and invoice.handle,
                "refunds": invoice.handle if is_refund else None, "reference": reference, "text": text, "amount": row["amount"],
            })
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"bank-{serial}.txt")
            in_ore = [{**row, "amount": ore(row["amount"])} for row in rows]
            with open(path, "wb") as file:
                file.write(camt(f"N{serial}", in_ore) if is_camt else bgmax([(on, serial, in_ore)]))
            self.ask_driver(f"bank {path}")
        self.mutations += 1
        self.model.bank_import({**given, "rows": rows})
        for client, ids in zip(self.clients, self.ids):
            found = client.every("FINANCE", "bankPayments", "", "id bankReference matches { payment { id } }")
            for row in rows:
                end = f"{'TX-' if is_camt else ' '}{row['number']}"
                node = next((node for node in found if node["bankReference"].endswith(end)), None)
                if (node is None) != (row["as"] not in self.model.bank):
                    raise Difference(f"bank file: a payment of {row['amount']} is {'not ' if node is None else ''}known after the import")
                if node:
                    ids[row["as"]] = node["id"]
                if node and node["matches"]:
                    ids.setdefault(row["as"] + ".1", node["matches"][0]["payment"]["id"])

    def check(self, asked, clients=None, title=""):
        """Compares every report of each register with the model's."""
        found = []
        for place, client in enumerate(clients or self.clients):
            lines, count = compare(self.model, client, asked, is_copy=clients is not None)
            self.values += count
            found += [f"{title}register {place + 1}: {line}" for line in lines]
            self.preview(client, found, f"{title}register {place + 1}: ")
        if found:
            raise Difference("\n".join(found[:40]))

    def preview(self, client, found, title):
        """Compares what an invoice run of each kind would issue."""
        slugs = {handle: self.model.activities[handle].slug for handle in ("v1", "v2") if handle in self.model.activities}
        asked = " ".join(f'{handle}: activity(by: {{ slug: "{slug}" }}) {{ id }}' for handle, slug in slugs.items())
        ids = {handle: node["id"] for handle, node in (client.ask("OFFICE", f"{{ {asked} }}") if asked else {}).items()}
        for year in (self.model.today.year, self.model.today.year - 1):
            for given in [{"activityId": handle} for handle in ids] + [{"serviceFee": True}, {"membershipFee": True}]:
                given = {**given, "year": year, "skipProblems": True}
                try:
                    expected = Reports(self.model).run(self.model.run(given))
                except Refusal as refusal:
                    expected = sorted(refusal.words)[0]
                filled = {**given, "activityId": ids[given["activityId"]]} if "activityId" in given else given
                answer = Reader(client, self.model.today).preview(filled)
                found += [f"{title}preview of {given}{line}" for line in differences(expected, answer)]

    def exchange(self, asked):
        """Asks the driver to export, import and export again, and compares the imported registers with the model."""
        urls = self.ask_driver("exchange")
        self.check(asked, [Client(url, self.tokens) for url in urls], "after export and import, ")


def complain(text):
    """Prints to stderr, since stdout is for the driver."""
    print(text, file=sys.stderr, flush=True)
