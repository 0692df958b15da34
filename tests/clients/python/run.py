"""A script with gql: pages, a mutation that is safe to repeat, what changed meanwhile, and a cost with its voucher."""

import asyncio
import os
import re
import uuid

import aiohttp
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

URL = os.environ["SAMREGISTER_URL"]
AUTHORIZATION = {"authorization": f"Bearer {os.environ['SAMREGISTER_TOKEN']}"}

REVISION = "X-Samregister-Revision"


class Revisions:
    """The newest revision that answers stated. Sent with each request: no answer shows an older state, whichever server gives it."""

    def __init__(self) -> None:
        self.seen = 0

    async def __call__(self, request: aiohttp.ClientRequest, send) -> aiohttp.ClientResponse:
        sent = self.seen
        if sent > 0:
            request.headers[REVISION] = str(sent)
        answer = await send(request)
        # An answer that was refused before its execution states none.
        stated = int(answer.headers.get(REVISION, sent))
        # One that is smaller than what was sent is of a register that was set back.
        self.seen = stated if stated < sent else max(stated, self.seen)
        return answer


START = gql("""
  query Start($slug: String!) {
    activity(by: { slug: $slug }) { id name coverage { connectedCount memberCount } }
    revision
  }
""")

INVOICES = gql("""
  query Invoices($first: Int!, $after: String) {
    invoices(first: $first, after: $after, orderBy: { field: NUMBER }) {
      totalCount
      nodes { id number status total }
      pageInfo { hasNextPage endCursor }
    }
  }
""")

FILE_REPORT = gql("""
  mutation FileReport($input: StatusReportFileInput!) {
    statusReportFile(input: $input) { statusReport { id summary } }
  }
""")

RECORD_COST = gql("""
  mutation RecordCost($input: CostRecordInput!) {
    costRecord(input: $input) { cost { id amount file { name size url } } }
  }
""")

CHANGES = gql("""
  subscription Changes($after: Revision) {
    changes(kinds: [ACTIVITY], after: $after) {
      revision
      kind
      action
      node { __typename id ... on StatusReport { summary } }
    }
  }
""")


async def every_invoice(session) -> tuple[list[dict], int]:
    """Each page begins after the cursor that ended the one before."""
    invoices, after, pages = [], None, 0
    while True:
        answer = await session.execute(INVOICES, variable_values={"first": 40, "after": after})
        page = answer["invoices"]
        invoices += page["nodes"]
        pages += 1
        if not page["pageInfo"]["hasNextPage"]:
            assert len({invoice["id"] for invoice in invoices}) == page["totalCount"]
            return invoices, pages
        after = page["pageInfo"]["endCursor"]


async def seen(summary: str, after: str) -> dict:
    """The change that brought this report. Beginning after a revision, nothing is missed, however late it is heard."""
    socket = WebsocketsTransport(
        url=f"{URL.replace('http', 'ws', 1)}/graphql/ws",
        init_payload=AUTHORIZATION,
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    async with Client(transport=socket) as session:
        async for event in session.subscribe(CHANGES, variable_values={"after": after}):
            if (event["changes"]["node"] or {}).get("summary") == summary:
                return event["changes"]
    raise AssertionError("the subscription ended")


async def upload(name: str, content: bytes, media_type: str) -> str:
    """Uploads a file, and returns the id that a mutation takes within a day."""
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type=media_type)
    async with aiohttp.ClientSession(headers=AUTHORIZATION) as http:
        async with http.post(f"{URL}/files", data=form) as answer:
            assert answer.status == 201, await answer.text()
            return (await answer.json())["id"]


async def download(link: str) -> bytes:
    """A signed link needs no token, for ten minutes."""
    async with aiohttp.ClientSession() as http, http.get(link) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def cost_with_voucher(session, activity: str) -> None:
    voucher = b"Hyra av lokal, november\n"
    cost = {
        "activityId": activity,
        "bookedOn": "2026-11-30",
        "amount": "1250.00",
        "description": "Lokalhyra november",
        "fileId": await upload("hyra.txt", voucher, "text/plain"),
    }
    answer = await session.execute(RECORD_COST, variable_values={"input": cost})
    recorded = answer["costRecord"]["cost"]
    assert recorded["amount"] == cost["amount"] and recorded["file"]["name"] == "hyra.txt"
    assert await download(recorded["file"]["url"]) == voucher


def field_errors(refusal: TransportQueryError) -> list[tuple[str, str]]:
    """The invalid fields of an error: the path in the input, and a code of the enum `FieldErrorCode`."""
    return [(field["path"], field["code"]) for field in refusal.errors[0]["extensions"].get("fields", [])]


async def main() -> None:
    revisions = Revisions()
    requests = AIOHTTPTransport(url=f"{URL}/graphql", headers=AUTHORIZATION, client_session_args={"middlewares": (revisions,)})
    # The schema is asked for, so that a document is checked before it is sent.
    async with Client(transport=requests, fetch_schema_from_transport=True) as session:
        start = await session.execute(START, variable_values={"slug": "bip"})
        coverage = start["activity"]["coverage"]
        assert coverage["connectedCount"] <= coverage["memberCount"]
        invoices, pages = await every_invoice(session)
        assert pages > 1 and all(re.fullmatch(r"-?\d+\.\d\d", invoice["total"]) for invoice in invoices)

        # A mutation with a key of its own: sent again, as after a lost connection, it is not done again.
        summary = f"Filed by gql {uuid.uuid4()}"
        change = asyncio.create_task(seen(summary, start["revision"]))
        report = {"activityId": start["activity"]["id"], "period": "2026-T3", "health": "GREEN", "summary": summary}
        once = {"headers": {"idempotency-key": str(uuid.uuid4())}}
        filed = await session.execute(FILE_REPORT, variable_values={"input": report}, extra_args=once)
        again = await session.execute(FILE_REPORT, variable_values={"input": report}, extra_args=once)
        assert again == filed and filed["statusReportFile"]["statusReport"]["summary"] == summary
        assert revisions.seen > int(start["revision"])
        # The same key for another mutation is a mistake of the caller, and nothing is done.
        try:
            await session.execute(FILE_REPORT, variable_values={"input": report | {"summary": "Something else"}}, extra_args=once)
            raise AssertionError("a key was good for two mutations")
        except TransportQueryError as refusal:
            assert refusal.errors[0]["extensions"]["code"] == "INVALID", refusal
        # An invalid field has its path in the input and a code.
        try:
            await session.execute(FILE_REPORT, variable_values={"input": report | {"summary": ""}})
            raise AssertionError("a report needs a summary")
        except TransportQueryError as refusal:
            assert field_errors(refusal) == [("input.summary", "EMPTY")], refusal
        assert (await change)["node"]["id"] == filed["statusReportFile"]["statusReport"]["id"]
        await cost_with_voucher(session, start["activity"]["id"])
    print(f"{len(invoices)} invoices in {pages} pages, a mutation repeated by its key, its change seen, a voucher uploaded")


asyncio.run(main())
