// Relay with React: an activity's reports, a button that files one, and those that others file meanwhile.
import { useMemo, useState } from "react";
import { commitMutation, graphql, useLazyLoadQuery, useRelayEnvironment, useSubscription } from "react-relay";
import type { reportsChangesSubscription } from "./__generated__/reportsChangesSubscription.graphql";
import type { reportsFileMutation } from "./__generated__/reportsFileMutation.graphql";
import type { reportsQuery } from "./__generated__/reportsQuery.graphql";

export function Reports({ slug }: { slug: string }) {
  const { activity, revision: after } = useLazyLoadQuery<reportsQuery>(
    graphql`
      query reportsQuery($slug: String!) {
        activity(by: { slug: $slug }) {
          id
          name
          statusReports(first: 10) @connection(key: "Reports_statusReports") {
            __id
            edges {
              node {
                id
                period
                health
                summary
              }
            }
          }
        }
        revision
      }
    `,
    { slug },
  );
  useSubscription(
    useMemo(
      () => ({
        subscription: graphql`
          subscription reportsChangesSubscription($after: Revision) {
            changes(kinds: [ACTIVITY], after: $after) {
              revision
              action
              node {
                __typename
                id
                ... on StatusReport {
                  period
                  health
                  summary
                }
              }
            }
          }
        `,
        variables: { after },
      }),
      [after],
    ) satisfies Parameters<typeof useSubscription<reportsChangesSubscription>>[0],
  );
  if (!activity) return <p>There is no such activity</p>;
  return (
    <section>
      <h2>{activity.name}</h2>
      <FileReport activityId={activity.id} reports={activity.statusReports.__id} />
      <ul>
        {activity.statusReports.edges.map(({ node }) => (
          <li key={node.id}>
            {node.period} {node.health} {node.summary}
          </li>
        ))}
      </ul>
    </section>
  );
}

function FileReport({ activityId, reports }: { activityId: string; reports: string }) {
  const environment = useRelayEnvironment();
  // One key for one mutation: pressed again after a lost connection, the report is not filed twice.
  const [key] = useState(() => crypto.randomUUID());
  const file = () =>
    commitMutation<reportsFileMutation>(environment, {
      mutation: graphql`
        mutation reportsFileMutation($input: StatusReportFileInput!, $reports: [ID!]!) {
          statusReportFile(input: $input) {
            statusReport @prependNode(connections: $reports, edgeTypeName: "StatusReportEdge") {
              id
              period
              health
              summary
            }
          }
        }
      `,
      variables: { input: { activityId, period: "2026-T3", health: "GREEN", summary: "As planned" }, reports: [reports] },
      cacheConfig: { force: true, metadata: { key } },
    });
  return <button onClick={file}>All is as planned</button>;
}
