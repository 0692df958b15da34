// What an app with Relay sends, without its screen: the documents that relay-compiler made of members.tsx and reports.tsx.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { ConnectionHandler, commitLocalUpdate, commitMutation, fetchQuery, requestSubscription } from "relay-runtime";
import { type FieldError, fieldErrors } from "../errors.js";
import pageDocument from "./__generated__/membersListPageQuery.graphql.js";
import type { membersListPageQuery } from "./__generated__/membersListPageQuery.graphql.js";
import membersDocument from "./__generated__/membersQuery.graphql.js";
import type { membersQuery } from "./__generated__/membersQuery.graphql.js";
import changesDocument from "./__generated__/reportsChangesSubscription.graphql.js";
import type { reportsChangesSubscription } from "./__generated__/reportsChangesSubscription.graphql.js";
import fileDocument from "./__generated__/reportsFileMutation.graphql.js";
import type { reportsFileMutation } from "./__generated__/reportsFileMutation.graphql.js";
import reportsDocument from "./__generated__/reportsQuery.graphql.js";
import type { reportsQuery } from "./__generated__/reportsQuery.graphql.js";
import { makeEnvironment } from "./environment.js";

const environment = makeEnvironment();

// The first page, then the fragment's own query until there are no more; the store joins them in one connection.
const list = () => {
  let read: { edges: number; after: unknown; more: unknown } | undefined;
  commitLocalUpdate(environment, (store) => {
    const members = ConnectionHandler.getConnection(store.getRoot(), "List_members", { filter: { status: "ACTIVE" } });
    const page = members?.getLinkedRecord("pageInfo");
    read = { edges: members?.getLinkedRecords("edges")?.length ?? 0, after: page?.getValue("endCursor"), more: page?.getValue("hasNextPage") };
  });
  assert.ok(read);
  return read;
};
const first = 15;
await fetchQuery<membersQuery>(environment, membersDocument, { first }).toPromise();
let pages = 1;
for (let { more, after } = list(); more; { more, after } = list()) {
  await fetchQuery<membersListPageQuery>(environment, pageDocument, { first, after: String(after) }).toPromise();
  pages += 1;
}
assert.ok(pages > 1 && list().edges > first);

// The reports of an activity, and the revision from which on changes are listened to.
const reports = await fetchQuery<reportsQuery>(environment, reportsDocument, { slug: "stoppa-valdet" }).toPromise();
assert.ok(reports?.activity);
const { id: activityId, statusReports } = reports.activity;
const summary = `Filed by Relay ${randomUUID()}`;
const seen = new Promise<string>((resolve, reject) => {
  const { dispose } = requestSubscription<reportsChangesSubscription>(environment, {
    subscription: changesDocument,
    variables: { after: reports.revision },
    onNext: (event) => {
      const node = event?.changes.node;
      if (node?.__typename !== "StatusReport" || node.summary !== summary) return;
      dispose();
      resolve(node.id);
    },
    onError: reject,
    onCompleted: () => reject(new Error("the subscription ended")),
  });
});

// A mutation with a key of its own: sent again, as after a lost connection, it is not done again.
type Filed = { id: string | undefined; invalid: FieldError[] };
const file = (key: string, of = summary) =>
  new Promise<Filed>((resolve, reject) => {
    commitMutation<reportsFileMutation>(environment, {
      mutation: fileDocument,
      variables: { input: { activityId, period: "2026-T3", health: "GREEN", summary: of }, reports: [statusReports.__id] },
      cacheConfig: { force: true, metadata: { key } },
      // The payload is null when the mutation was refused; the errors say why.
      onCompleted: ({ statusReportFile }, errors) => resolve({ id: statusReportFile?.statusReport.id, invalid: fieldErrors(errors?.[0]) }),
      onError: reject,
    });
  });
const key = randomUUID();
const { id: filed } = await file(key);
assert.ok(filed);
assert.equal((await file(key)).id, filed);
// An invalid field has its path in the input and a code.
const [invalid] = (await file(randomUUID(), "")).invalid;
assert.deepEqual([invalid?.path, invalid?.code], ["input.summary", "EMPTY"]);
assert.equal(await seen, filed);
// Relay put the payload's report before the others.
commitLocalUpdate(environment, (store) => {
  const edges = store.get(statusReports.__id)?.getLinkedRecords("edges") ?? [];
  assert.equal(edges[0]?.getLinkedRecord("node")?.getDataID(), filed);
});

console.log(`${list().edges} members in ${pages} pages, documents by their ids, a mutation repeated by its key, its change seen`);
process.exit(0);
