// What a page in a browser does with the same client: it needs no `fetch` and no `webSocketImpl` of its own.
import { makeClient } from "./client.js";
import { graphql } from "./generated/index.js";

const AGREEMENTS = graphql(`
  query AgreementsOfPage($first: Int!, $after: String) {
    revision
    agreements(first: $first, after: $after, filter: { status: ACTIVE }) {
      nodes {
        id
        activity {
          id
        }
        counterparty {
          ...PartyOfPage
        }
      }
    }
  }

  fragment PartyOfPage on Counterparty {
    id
    name
    ... on Member {
      county
    }
  }
`);

const FILE_REPORT = graphql(`
  mutation FileReportOfPage($input: StatusReportFileInput!) {
    statusReportFile(input: $input) {
      statusReport {
        id
      }
    }
  }
`);

const CHANGES = graphql(`
  subscription ChangesOfPage($after: Revision) {
    changes(kinds: [ACTIVITY], after: $after) {
      node {
        id
      }
    }
  }
`);

/** Lists agreements, files a status report of an activity, and waits until the change is seen. */
export async function show(url: string, token: string) {
  const client = makeClient({ url, token });
  const { data } = await client.query({ query: AGREEMENTS, variables: { first: 50 } });
  const agreements = data?.agreements.nodes ?? [];
  const activityId = agreements.find(({ activity }) => activity)?.activity?.id;
  if (!data || !activityId) throw new Error("there is no agreement about an activity");
  const seen: string[] = [];
  const changes = client.subscribe({ query: CHANGES, variables: { after: data.revision } });
  const subscription = changes.subscribe(({ data }) => data?.changes.node && seen.push(data.changes.node.id));
  const input = { activityId, period: "2026-T2", health: "GREEN" as const, summary: "Filed in a browser" };
  const headers = { "idempotency-key": crypto.randomUUID() };
  const filed = await client.mutate({ mutation: FILE_REPORT, variables: { input }, context: { headers } });
  const id = filed.data?.statusReportFile?.statusReport.id;
  for (let tries = 0; tries < 200 && !(id && seen.includes(id)); tries += 1) await new Promise((done) => setTimeout(done, 50));
  subscription.unsubscribe();
  client.stop();
  return { isSeen: id !== undefined && seen.includes(id), parties: agreements.map(({ counterparty }) => counterparty) };
}
