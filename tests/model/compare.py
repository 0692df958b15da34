"""Reads every report from a register in the form of `reports.py` and finds where two answers differ."""

import json

from client import Refused
from dates import day
from reports import Reports, iso

NAME = "__typename ... on Member { name } ... on Organisation { name }"
RUN = f"""invoiceCount net total alreadyInvoicedCount invoicedManuallyCount problems {{ counterparty {{ {NAME} }} agreement {{ number }} }}
    invoices {{ id number buyer {{ {NAME} }} issuedOn dueOn vat rounding total
        lines {{ id net vat vatRate periodFrom periodTo agreement {{ number }} }} }}"""
REVENUE = "rows { activity { slug } member { name } period net vat credited unattributed cost grants }"


# The number of what has none yet, as the model writes it.
DRAFT = "UTKAST"


def number(row):
    return row and (row["number"] or DRAFT)


class Reader:
    """The reports of one register."""

    def __init__(self, client, today):
        self.client, self.today = client, iso(today)

    def agreements(self, days, years):
        dated = " ".join(
            f'status{i}: status(asOf: "{on}") term{i}: termEndsOn(asOf: "{on}") deadline{i}: nextDeadline(asOf: "{on}") {{ kind reason on: deadlineOn }}'
            for i, on in enumerate(map(iso, days))
        )
        fixed = f"""number kind direction activity {{ slug }} counterparty {{ {NAME} }} startsOn endsOn noticeMonths renewalMonths signedOn withdrawnOn
            noticeGivenOn status replaces: predecessor {{ number }} replacedBy: successor {{ number }} fee {{ basis vatRate }} id"""
        rows = self.client.every("OFFICE", "agreements", "", f"{fixed} {dated}")
        fees = self.fees([row["id"] for row in rows if row["fee"] and row["signedOn"] and not row["withdrawnOn"]], years)
        for row in rows:
            row["activity"] = row["activity"] and row["activity"]["slug"]
            row["counterparty"], row["number"] = row["counterparty"]["name"], number(row)
            row["replaces"], row["replacedBy"] = None if row["withdrawnOn"] else number(row["replaces"]), number(row["replacedBy"])
            row["fees"] = fees.get(row.pop("id"))
            is_live = row["signedOn"] and not row["withdrawnOn"]
            for index, on in enumerate(map(iso, days)):
                row[f"term{index}"] = row[f"term{index}"] if is_live and on >= row["startsOn"] else None
                row[f"deadline{index}"] = row[f"deadline{index}"] if on >= self.today else None
            del row["fee"]
        return sorted(rows, key=lambda row: (row["number"], row["counterparty"], row["startsOn"], str(row)))

    def fees(self, ids, years):
        """What each agreement costs in each year; without those whose allocation is not known."""
        asked = " ".join(f"y{year}: amountFor(year: {year})" for year in years)
        found = {}
        for first in range(0, len(ids), 100):
            document = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Agreement {{ id fee {{ {asked} }} }} }} }}"
            data = self.client.ask("OFFICE", document, {"ids": ids[first : first + 100]}, is_partial=True)
            for row in data["nodes"]:
                if row["fee"]:
                    found[row["id"]] = [row["fee"][f"y{year}"] for year in years]
        return found

    def expiring(self, start, within):
        arguments = f', withinDays: {within}, asOf: "{start}"'
        rows = self.client.every("OFFICE", "expiringAgreements", arguments, f'number nextDeadline(asOf: "{start}") {{ kind reason on: deadlineOn }}')
        rows = [{"number": row["number"], **row["nextDeadline"]} for row in rows]
        if [row["on"] for row in rows] != sorted(row["on"] for row in rows):
            return {"not in order": rows}
        return sorted(rows, key=lambda row: (row["on"], row["number"]))

    def members(self, years):
        yearly = " ".join(
            f"service{y}: serviceFee(year: {y}) {{ amount }} membership{y}: membershipFee(year: {y}) {{ amount }} "
            f"allocation{y}: allocation(year: {y}) {{ amount }}"
            for y in years
        )
        fixed = "name joinedOn leftOn status successor { name } predecessors { name } balance { outstanding overdue overpaid }"
        rows = self.client.every("OFFICE", "members", "", f"{fixed} {yearly}")
        for row in rows:
            row["successor"] = row["successor"] and row["successor"]["name"]
            row["predecessors"] = sorted(other["name"] for other in row["predecessors"])
            for key in row:
                if key[-1].isdigit():
                    row[key] = row[key] and row[key]["amount"]
        return sorted(rows, key=lambda row: row["name"])

    def scenario(self, year, per_mille, cap):
        given = f'{{ year: {year}, perMille: {per_mille}, cap: "{cap}" }}'
        document = f"{{ serviceFeeScenario(input: {given}) {{ rows {{ member {{ name }} current proposed lostToCap }} }} }}"
        rows = self.client.ask("OFFICE", document)["serviceFeeScenario"]["rows"]
        return sorted([row["member"]["name"], row["current"], row["proposed"], row["lostToCap"]] for row in rows)

    def matrix(self, on, compared_to):
        document = f"""{{ activityMatrix(asOf: "{on}", comparedTo: "{compared_to}") {{
            activities {{ activity {{ slug }} coverage {{ connectedCount memberCount notConnected {{ name }} }}
                trend {{ before {{ connectedCount }} joinedCount leftCount joined {{ name }} left {{ name }} }} }}
            rows(first: 200) {{ nodes {{ member {{ name }} cells {{ number }} }} }} }} }}"""
        matrix = self.client.ask("OFFICE", document)["activityMatrix"]
        names = lambda rows: sorted(row["name"] for row in rows)
        activities = [
            {
                "slug": column["activity"]["slug"], "connected": column["coverage"]["connectedCount"], "members": column["coverage"]["memberCount"],
                "notConnected": names(column["coverage"]["notConnected"]), "before": column["trend"]["before"]["connectedCount"],
                "joined": names(column["trend"]["joined"]), "left": names(column["trend"]["left"]),
            }
            for column in matrix["activities"]
        ]
        slugs = [column["slug"] for column in activities]
        rows = {row["member"]["name"]: dict(zip(slugs, map(number, row["cells"]))) for row in matrix["rows"]["nodes"]}
        return {"activities": sorted(activities, key=lambda column: column["slug"]), "rows": rows}

    def invoices(self, days):
        dated = " ".join(
            f'state{i}: status(asOf: "{on}") late{i}: daysLate(asOf: "{on}") interest{i}: interest(asOf: "{on}") '
            f'paid{i}: paid(asOf: "{on}") credited{i}: credited(asOf: "{on}") left{i}: outstanding(asOf: "{on}") balance{i}: balance(asOf: "{on}")'
            for i, on in enumerate(map(iso, days))
        )
        fixed = f"""number kind ocr state: status buyer {{ {NAME} }} issuedOn dueOn net vat rounding total paid credited outstanding overpaid
            payments {{ receivedOn bookedOn amount }} refunds {{ paidOn amount }} writeOffs {{ writtenOffOn amount }} reminders {{ sentOn }} credits {{ number }} creditNotes {{ number }}
            lines {{ net vatRate activity {{ slug }} agreement {{ number }} }}"""
        rows = self.client.every("FINANCE", "invoices", "", f"{fixed} {dated}")
        for row in rows:
            row["buyer"], row["credits"] = row["buyer"]["name"], number(row["credits"])
            row["payments"] = sorted([p["receivedOn"], p["bookedOn"], p["amount"]] for p in row["payments"])
            row["refunds"] = sorted([r["paidOn"], r["amount"]] for r in row["refunds"])
            row["writeOffs"] = sorted([w["writtenOffOn"], w["amount"]] for w in row["writeOffs"])
            for i in range(len(days)):
                amounts = [row.pop(f"{key}{i}") for key in ("paid", "credited", "left", "balance")]
                row[f"books{i}"] = amounts if row["kind"] == "INVOICE" else None
            row["reminders"] = sorted(reminder["sentOn"] for reminder in row["reminders"])
            row["creditNotes"] = sorted(map(number, row["creditNotes"]))
            lines = row["lines"]
            is_special = all(line["activity"] and line["agreement"] for line in lines)
            texts = [[(line["activity"] or {}).get("slug"), number(line["agreement"]), line["vatRate"], line["net"]] for line in lines]
            row["lines"] = sorted(texts) if is_special else len(lines)
        return sorted(rows, key=lambda row: (row["number"] or "", row["buyer"], row["net"], str(row)))

    def filters(self, on):
        statuses = ("DRAFT", "OFFERED", "SIGNED", "ACTIVE", "NOTICE_GIVEN", "ENDED", "WITHDRAWN")
        states = ("DRAFT", "ISSUED", "PARTLY_PAID", "PAID", "OVERDUE", "CREDITED")
        lists = [("agreements " + word, "agreements", f"status: [{word}]", "number") for word in statuses]
        lists += [("invoices " + word, "invoices", f"status: [{word}]", "number") for word in states]
        lists += [("members " + word, "members", f"status: {word}", "name") for word in ("UPCOMING", "ACTIVE", "LEFT")]
        lists += [(f"members {word} bip", "members", f'{field}: ["bip"]', "name") for word, field in (("in", "inActivitySlugs"), ("not in", "notInActivitySlugs"))]
        found = {}
        for role, fields in (("OFFICE", ("agreements", "members")), ("FINANCE", ("invoices",))):
            asked = [(title, field, filtered, key) for title, field, filtered, key in lists if field in fields]
            parts = [
                f'l{i}: {field}(first: 200, filter: {{ {filtered}, asOf: "{on}" }}) {{ nodes {{ {key} }} }}'
                for i, (_, field, filtered, key) in enumerate(asked)
            ]
            data = self.client.ask(role, "{ " + " ".join(parts) + " }")
            for i, (title, field, _, key) in enumerate(asked):
                if data[f"l{i}"]["nodes"]:
                    none = DRAFT if field == "agreements" else ""
                    found[title] = sorted(node[key] or none for node in data[f"l{i}"]["nodes"])
        return dict(sorted(found.items()))

    def bank_payments(self):
        keys = ("receivedOn", "amount", "finding", "status", "matched", "remaining", "excludedOn")
        return sorted([[row[key] for key in keys] for row in self.client.every("FINANCE", "bankPayments", "", " ".join(keys))], key=str)

    def receivables(self, on):
        keys = ("balance", "notDue", "days1To30", "days31To60", "days61To90", "over90")
        rows = self.client.every("FINANCE", "members", "", f'name receivables(asOf: "{on}") {{ {" ".join(keys)} }}')
        return {row["name"]: {key: row["receivables"][key] for key in keys} for row in sorted(rows, key=lambda row: row["name"])}

    @staticmethod
    def run(answer):
        invoices = [
            [i["buyer"]["name"], i["vat"], i["rounding"], i["total"]]
            + sorted([number(line["agreement"]) or "", line["vatRate"], line["net"]] for line in i["lines"])
            for i in answer["invoices"]
        ]
        problems = [[p["counterparty"]["name"], number(p["agreement"]) or ""] for p in answer["problems"]]
        kept = ("invoiceCount", "net", "total", "alreadyInvoicedCount", "invoicedManuallyCount")
        return {**{key: answer[key] for key in kept}, "invoices": sorted(invoices), "problems": sorted(problems)}

    def preview(self, given):
        try:
            answer = self.client.ask("FINANCE", f"query($input: InvoiceRunInput!) {{ run: invoiceRunPreview(input: $input) {{ {RUN} }} }}", {"input": given})
        except Refused as refused:
            return refused.word()
        return self.run(answer["run"])

    def revenue(self, basis, start, end, by_activity=True):
        groups = "[ACTIVITY, MONTH]" if by_activity else "[MEMBER, YEAR]"
        document = f'{{ revenue(input: {{ from: "{start}", to: "{end}", basis: {basis}, groupBy: {groups} }}) {{ {REVENUE} }} }}'
        rows = {}
        for row in self.client.ask("FINANCE", document)["revenue"]["rows"]:
            who = (row["activity"] or {}).get("slug") if by_activity else (row["member"] or {}).get("name")
            amounts = [row[key] for key in ("net", "vat", "credited", "unattributed", "cost", "grants")]
            if set(amounts) != {"0.00"}:
                rows[f"{who or ''} {row['period']}"] = amounts
        return dict(sorted(rows.items()))

    def forecast(self, year):
        rows = self.client.ask("FINANCE", f"{{ revenueForecast(year: {year}) {{ rows {{ activity {{ slug }} net invoiceCount }} }} }}")["revenueForecast"]["rows"]
        return {row["activity"]["slug"]: [row["net"], row["invoiceCount"]] for row in sorted(rows, key=lambda row: row["activity"]["slug"]) if row["net"] != "0.00"}

    def break_even(self, year):
        asked = f"""slug breakEven(year: {year}) {{ agreementCount joinedCount }}
            breakEvenByFee(year: {year}) {{ basis need neededCount shortfall missing }}"""
        answer = {}
        for row in self.client.every("FINANCE", "activities", "", asked):
            fixed, keys = row["breakEven"], ("basis", "need", "neededCount", "shortfall", "missing")
            rows = [[fee[key] for key in keys] for fee in row["breakEvenByFee"]]
            answer[row["slug"]] = {"fixed": fixed and [fixed["agreementCount"], fixed["joinedCount"]], "rows": sorted([*row[:4], sorted(row[4])] for row in rows)}
        return answer

    def results(self, year):
        rows = self.client.every("FINANCE", "activities", "", f"slug result: economy(year: {year}) {{ invoiced paid outstanding cost grants result }}")
        keys = ("invoiced", "paid", "outstanding", "cost", "grants", "result")
        return {row["slug"]: [row["result"][key] for key in keys] for row in rows}


def questions(model, asked):
    """Every report to be compared: its name, the method that answers it and the arguments. `asked` holds days, years and a window."""
    days, years = [day(text) for text in asked["days"]], asked["years"]
    start, end = day("2024-01-01"), day(f"{model.today.year + 2}-12-31")
    cap = 250000
    yield "agreements", "agreements", (days, years)
    yield "members", "members", (years,)
    yield "invoices", "invoices", (days,)
    yield f"filters as of {days[0]}", "filters", (days[0],)
    yield f"filters as of {days[1]}", "filters", (days[1],)
    yield "bank payments", "bank_payments", ()
    for on in days:
        yield f"receivables {on}", "receivables", (on,)
    yield f"expiring {asked['within']}", "expiring", (max(days[0], model.today), asked["within"])
    yield "matrix", "matrix", (max(days), min(days))
    yield f"forecast {model.today.year}", "forecast", (model.today.year,)
    yield f"forecast {model.today.year + 1}", "forecast", (model.today.year + 1,)
    yield f"scenario {years[0]}", "scenario", (years[0], asked["perMille"], cap)
    for basis in ("INVOICED", "PAID", "ACCRUED"):
        yield f"revenue {basis}", "revenue", (basis, start, end)
        yield f"revenue {basis} by member", "revenue", (basis, start, end, False)
    yield f"break-even {model.today.year}", "break_even", (model.today.year,)
    yield f"results {years[0]}", "results", (years[0],)
    yield f"results {model.today.year}", "results", (model.today.year,)


def differences(expected, actual, path=""):
    """The places where two answers differ, with both values."""
    if type(expected) is type(actual) and isinstance(expected, dict):
        for key in sorted(set(expected) | set(actual)):
            yield from differences(expected.get(key), actual.get(key), f"{path}.{key}")
    elif type(expected) is type(actual) and isinstance(expected, list) and len(expected) == len(actual):
        for index, (left, right) in enumerate(zip(expected, actual)):
            label = left.get("number") or left.get("name") or index if isinstance(left, dict) else index
            yield from differences(left, right, f"{path}[{label}]")
    elif expected != actual:
        yield f"{path}: expected {json.dumps(expected, ensure_ascii=False)}, register {json.dumps(actual, ensure_ascii=False)}"


def compare(model, client, asked, is_copy=False):
    """Compares every report of one register with the model's. Returns the differences and how many values were compared."""
    reports, reader, found, count = Reports(model, is_copy), Reader(client, model.today), [], 0
    for title, method, arguments in questions(model, asked):
        texts = [f"{a // 100}.00" if method == "scenario" and index == 2 else a for index, a in enumerate(arguments)]
        expected = getattr(reports, method)(*arguments)
        actual = getattr(reader, method)(*texts)
        count += json.dumps(expected).count(",") + 1
        found += [f"{title}{line}" for line in differences(expected, actual)]
    return found, count
