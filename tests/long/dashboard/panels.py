"""Asks Prometheus each query of a dashboard while the server answers requests, and fails unless each has data."""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

prometheus, dashboard = sys.argv[1:]
server, token = os.environ["SAMREGISTER_URL"], os.environ["SAMREGISTER_TOKEN"]
SECONDS = 60


def post(document, variables=None, key=None, bearer=token):
    """Sends a document, and returns its answer, an error included."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
    if key:
        headers["Idempotency-Key"] = key
    body = json.dumps({"query": document, "variables": variables or {}}).encode()
    request = urllib.request.Request(f"{server}/graphql", body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def traffic(number):
    """Sends requests of each kind that a panel shows."""
    post("query Members { members(first: 5) { nodes { id name } } }")
    post("query Invoices($n: Int) { invoices(first: $n) { nodes { id total } } }", {"n": 1 + number % 50})
    post("{ viewer { subject } }", bearer="no token")
    admit = 'mutation Admit($name: String!) { memberAdmit(input: { name: $name, joinedOn: "2026-01-01" }) { member { id } } }'
    for _ in range(2):
        answer = post(admit, {"name": f"Prov {number}"}, key=f"dashboard-{number}")
        assert "errors" not in answer, answer


def ask(path, **parameters):
    with urllib.request.urlopen(f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}") as answer:
        return json.load(answer)["data"]


def is_of_replicas(expression):
    """True for what only a server with read replicas has: the demo has none."""
    return any(name in expression for name in ("samregister_database_reads_total", "samregister_database_replica_"))


def has_data(expression):
    return any(series["value"][1] != "NaN" for series in ask("query", query=expression)["result"])


def main():
    with open(dashboard, encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    queries = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]
    queries = [query for query in queries if not is_of_replicas(query[1])]
    assert len(queries) > 30, queries
    missing, number, until = queries, 0, time.monotonic() + SECONDS
    while missing and time.monotonic() < until:
        traffic(number)
        number += 1
        time.sleep(0.5)
        try:
            missing = [query for query in missing if not has_data(query[1])]
        except (urllib.error.URLError, ConnectionError):
            continue  # It is starting.
    for title, expression in missing:
        print(f"no data: {title}: {expression}", file=sys.stderr)
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    ill = [rule for rule in rules if rule["health"] == "err"]
    print(f"{len(queries) - len(missing)} of {len(queries)} queries have data; {len(rules)} alerts, {len(ill)} with an error")
    return 1 if missing or ill or not rules else 0


sys.exit(main())
