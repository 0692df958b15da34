"""Values for the schema's own scalars, and what no answer may have: an error of the program's own."""

import json
import os
import urllib.request

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes, scalar

days = st.one_of(st.dates().map(str), st.sampled_from(["2026-01-31", "2026-12-31", "2024-02-29", "0001-01-01", "9999-12-31", "2026-02-30", ""]))
money = st.one_of(
    st.integers(-(2**63), 2**63).map(lambda ore: f"{ore // 100}.{abs(ore) % 100:02}"),
    st.sampled_from(["0.00", "1542.50", "92233720368547758.07", "1e9", "1,00", "-0.01", ""]),
)
scalar("Date", days.map(nodes.String))
scalar("DateTime", st.one_of(st.datetimes().map(lambda at: at.isoformat() + "Z"), days).map(nodes.String))
scalar("Money", money.map(nodes.String))
scalar("Decimal", st.one_of(money, st.sampled_from(["0", "0.5", "4", "1000", "0.00001", "-1"])).map(nodes.String))
scalar("Sha256", st.sampled_from(["a" * 64, "A" * 64, "0" * 63, "g" * 64, ""]).map(nodes.String))
scalar("EmailAddress", st.sampled_from(["kansli@example.se", "å@example.se", "a@b", "x", ""]).map(nodes.String))
scalar("Revision", st.sampled_from(["0", "1", "9223372036854775807", "-1", "x"]).map(nodes.String))
scalar("URL", st.sampled_from(["https://example.se/x", "javascript:x", ""]).map(nodes.String))
scalar("OrgNumber", st.sampled_from(["222000-1834", "222000-2568", "222000-1835", "2220001834", "x"]).map(nodes.String))


def known_ids():
    """Returns ids of the register that is asked, so that some of what is drawn meets something that is there."""
    query = "{ members(first: 10) { nodes { id } } activities(first: 10) { nodes { id } } agreements(first: 20) { nodes { id } } invoices(first: 20) { nodes { id } } templates(first: 5) { nodes { id versions { id } } } }"
    request = urllib.request.Request(os.environ["SAMREGISTER_URL"] + "/graphql", json.dumps({"query": query}).encode())
    request.add_header("Authorization", "Bearer " + os.environ["SAMREGISTER_TOKEN"])
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as response:
        data = json.load(response)["data"]
    rows = [row for connection in data.values() for row in connection["nodes"]]
    return [row["id"] for row in rows] + [version["id"] for row in rows for version in row.get("versions", [])]


scalar("ID", st.one_of(st.sampled_from(known_ids()), st.sampled_from(["member_0", "", "activity_" + "f" * 32]), st.text(max_size=8)).map(nodes.String))
json_values = st.one_of(st.text(max_size=20).map(nodes.String), st.integers(-(2**31), 2**31).map(nodes.Int), st.just(nodes.Null))
scalar("JSON", json_values)


@schemathesis.check
def no_internal_error(ctx, response, case):
    """Fails when an answer has an error that says nothing but that the program failed."""
    try:
        answer = json.loads(response.content)
    except ValueError:
        raise AssertionError(f"no JSON with status {response.status_code}: {response.content[:200]!r}") from None
    codes = [error.get("extensions", {}).get("code") for error in answer.get("errors") or []]
    assert "INTERNAL" not in codes, f"INTERNAL: {answer['errors']}"
    assert response.status_code < 500, f"status {response.status_code}"
