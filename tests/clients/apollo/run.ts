// What a front end with Apollo Client does: a query, pages, a mutation that is safe to repeat, and what changed meanwhile.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { CombinedGraphQLErrors } from "@apollo/client";
import WebSocket from "ws";
import { fieldErrors } from "../errors.js";
import { token, url } from "../register.js";
import { rememberingFetch } from "../sent.js";
import { makeClient } from "./client.js";
import { graphql } from "./generated/index.js";

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
      edges {
        node {
          ...MemberRow
        }
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
    agreements(first: 5) {
      nodes {
        id
        number
        status
      }
    }
  }
`);

const PARTIES = graphql(`
  query Parties($first: Int!) {
    agreements(first: $first, filter: { status: ACTIVE }) {
      nodes {
        id
        counterparty {
          ...Party
        }
      }
    }
  }

  fragment Party on Counterparty {
    __typename
    ... on Node {
      id
    }
    ... on Member {
      name
    }
    ... on Organisation {
      name
    }
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

// Node has no WebSocket before 22; a browser needs neither `fetch` nor `webSocketImpl`.
const { sent, fetch } = rememberingFetch();
const client = makeClient({ url, token, fetch, webSocketImpl: WebSocket });

// A typed query. The first time its hash is not known, and the whole document follows; then the hash is enough.
const { data: first } = await client.query({ query: COVERAGE, variables: { slug: "bip" } });
assert.ok(first?.activity && first.activity.coverage.connectedCount <= first.activity.coverage.memberCount);
const before = sent.length;
const { data: second } = await client.query({ query: COVERAGE, variables: { slug: "jgl" } });
assert.notEqual(second?.activity?.id, first.activity.id);
assert.deepEqual(
  sent.slice(before).map(({ method, query, hash }) => ({ method, query, hash: hash?.length })),
  [{ method: "GET", query: null, hash: 64 }],
);

// Every page of a connection, joined in the cache.
const members = client.watchQuery({ query: MEMBERS, variables: { first: 15 } });
let page = (await client.query({ query: MEMBERS, variables: { first: 15 } })).data?.members;
let pages = 1;
while (page?.pageInfo.hasNextPage) {
  page = (await members.fetchMore({ variables: { after: page.pageInfo.endCursor } })).data?.members;
  pages += 1;
}
const all = client.readQuery({ query: MEMBERS, variables: { first: 15 } })?.members;
assert.ok(all && pages > 1);
assert.equal(new Set(all.edges.map(({ node }) => node.id)).size, all.totalCount);

// Fragments on interfaces: without `possibleTypes` the cache would leave their fields out.
const parties = (await client.query({ query: PARTIES, variables: { first: 50 } })).data?.agreements.nodes ?? [];
assert.ok(parties.length > 0 && parties.every(({ counterparty }) => counterparty.id && counterparty.name));

// What changes from here on: a subscription that begins after a revision misses nothing, however late it is heard.
const after = (await client.query({ query: REVISION, fetchPolicy: "no-cache" })).data?.revision;
const summary = `Filed by Apollo Client ${randomUUID()}`;
const seen = new Promise<string>((resolve, reject) => {
  const subscription = client.subscribe({ query: CHANGES, variables: { after } }).subscribe({
    next: ({ data, error }) => {
      if (error) reject(error);
      const node = data?.changes.node;
      if (node?.__typename !== "StatusReport" || node.summary !== summary) return;
      subscription.unsubscribe();
      resolve(node.id);
    },
    error: reject,
    complete: () => reject(new Error("the subscription ended")),
  });
});

// Each request states the newest revision that an answer to an earlier one had.
assert.ok(Number(sent.at(-1)?.revision) >= Number(sent[2]?.revision) && Number(sent[2]?.revision) > 0);

// A mutation with a key of its own: sent again, as after a lost connection, it is not done again.
const input = { activityId: first.activity.id, period: "2026-T3", health: "GREEN" as const, summary };
const file = (key: string, of = input) =>
  client.mutate({ mutation: FILE_REPORT, variables: { input: of }, context: { headers: { "idempotency-key": key } } });
const key = randomUUID();
const filed = (await file(key)).data?.statusReportFile?.statusReport;
const again = (await file(key)).data?.statusReportFile?.statusReport;
assert.equal(filed?.summary, summary);
assert.deepEqual(again, filed);
// The same key for another mutation is a mistake of the caller, and nothing is done.
await assert.rejects(file(key, { ...input, summary: "Something else" }), (error) => {
  assert.ok(CombinedGraphQLErrors.is(error), String(error));
  assert.equal(error.errors[0]?.extensions?.["code"], "INVALID");
  return true;
});
// An invalid field has its path in the input and a code.
await assert.rejects(file(randomUUID(), { ...input, summary: "" }), (error) => {
  assert.ok(CombinedGraphQLErrors.is(error), String(error));
  const [invalid] = fieldErrors(error.errors[0]);
  assert.deepEqual([invalid?.path, invalid?.code], ["input.summary", "EMPTY"]);
  return true;
});
assert.equal(await seen, filed?.id);

client.stop();
console.log(`${all.totalCount} members in ${pages} pages, persisted by GET, a mutation repeated by its key, its change seen`);
process.exit(0);
