// What a front end with urql does: a query, pages, a mutation that is safe to repeat, and what changed meanwhile.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { fieldErrors } from "../errors.js";
import { rememberingFetch } from "../sent.js";
import { headers, makeClient } from "./client.js";
import { graphql } from "./generated/index.js";
import type { MembersQuery } from "./generated/graphql.js";

const COVERAGE = graphql(`
  query Coverage($slug: String!) {
    activity(by: { slug: $slug }) {
      id
      name
      coverage {
        connectedCount
        memberCount
      }
    }
  }
`);

const MEMBERS = graphql(`
  query Members($first: Int!, $after: String) {
    members(first: $first, after: $after, filter: { status: ACTIVE }, orderBy: { field: NAME }) {
      totalCount
      nodes {
        ...MemberRow
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }

  fragment MemberRow on Member {
    id
    name
    county
  }
`);

const FILE_REPORT = graphql(`
  mutation FileReport($input: StatusReportFileInput!) {
    statusReportFile(input: $input) {
      statusReport {
        id
        period
        summary
      }
    }
  }
`);

const REVISION = graphql(`
  query Revision {
    revision
  }
`);

const CHANGES = graphql(`
  subscription Changes($after: Revision) {
    changes(kinds: [ACTIVITY], after: $after) {
      revision
      kind
      action
      node {
        __typename
        id
        ... on StatusReport {
          summary
        }
      }
    }
  }
`);

const { sent, fetch } = rememberingFetch();
const client = makeClient(fetch);

// A typed query. The first time its hash is not known, and the whole document follows; then the hash is enough.
const { data: first, error } = await client.query(COVERAGE, { slug: "bip" });
assert.ok(first?.activity && first.activity.coverage.connectedCount <= first.activity.coverage.memberCount, String(error));
const before = sent.length;
const { data: second } = await client.query(COVERAGE, { slug: "jgl" });
assert.notEqual(second?.activity?.id, first.activity.id);
assert.deepEqual(
  sent.slice(before).map(({ method, query, hash }) => ({ method, query, hash: hash?.length })),
  [{ method: "GET", query: null, hash: 64 }],
);

// Every page of a connection.
type Members = MembersQuery["members"];
const pages: Members[] = [];
for (let after: string | null | undefined, more = true; more; ) {
  const { data, error }: { data?: MembersQuery; error?: Error } = await client.query(MEMBERS, { first: 15, after });
  assert.ok(data, String(error));
  pages.push(data.members);
  ({ endCursor: after, hasNextPage: more } = data.members.pageInfo);
}
const ids = new Set(pages.flatMap(({ nodes }) => nodes.map(({ id }) => id)));
assert.ok(pages.length > 1);
assert.equal(ids.size, pages[0]?.totalCount);

// What changes from here on: a subscription that begins after a revision misses nothing, however late it is heard.
const after = (await client.query(REVISION, {})).data?.revision;
const summary = `Filed by urql ${randomUUID()}`;
const seen = new Promise<string>((resolve, reject) => {
  const { unsubscribe } = client.subscription(CHANGES, { after }).subscribe(({ data, error }) => {
    if (error) reject(error);
    const node = data?.changes.node;
    if (node?.__typename !== "StatusReport" || node.summary !== summary) return;
    unsubscribe();
    resolve(node.id);
  });
});

// Each request states the newest revision that an answer to an earlier one had.
assert.ok(Number(sent.at(-1)?.revision) >= Number(sent[2]?.revision) && Number(sent[2]?.revision) > 0);

// A mutation with a key of its own: sent again, as after a lost connection, it is not done again.
const input = { activityId: first.activity.id, period: "2026-T3", health: "YELLOW" as const, summary };
const file = (key: string, of = input) =>
  client.mutation(FILE_REPORT, { input: of }, { fetchOptions: { headers: { ...headers, "idempotency-key": key } } }).toPromise();
const key = randomUUID();
const filed = await file(key);
const again = await file(key);
assert.equal(filed.data?.statusReportFile?.statusReport.summary, summary, String(filed.error));
assert.deepEqual(again.data, filed.data);
// The same key for another mutation is a mistake of the caller, and nothing is done.
const { error: refusal } = await file(key, { ...input, summary: "Something else" });
assert.equal(refusal?.graphQLErrors[0]?.extensions["code"], "INVALID", String(refusal));
// An invalid field has its path in the input and a code, which are the same in all languages, and a message to show.
const { data: none, error: invalid } = await file(randomUUID(), { ...input, summary: "" });
assert.equal(none?.statusReportFile ?? null, null);
assert.deepEqual(fieldErrors(invalid?.graphQLErrors[0]), [{ path: "input.summary", code: "EMPTY", message: "får inte vara tom" }]);
assert.equal(await seen, filed.data.statusReportFile?.statusReport.id);

console.log(`${ids.size} members in ${pages.length} pages, persisted by GET, a mutation repeated by its key, its change seen`);
process.exit(0);
