// Relay with React: the members as a list that grows by a page.
import { graphql, useLazyLoadQuery, usePaginationFragment } from "react-relay";
import type { membersList$key } from "./__generated__/membersList.graphql";
import type { membersQuery } from "./__generated__/membersQuery.graphql";

export function Members() {
  const query = useLazyLoadQuery<membersQuery>(
    graphql`
      query membersQuery($first: Int!) {
        ...membersList @arguments(first: $first)
      }
    `,
    { first: 25 },
  );
  return <List query={query} />;
}

function List({ query }: { query: membersList$key }) {
  const { data, loadNext, hasNext, isLoadingNext } = usePaginationFragment(
    graphql`
      fragment membersList on Query
      @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" })
      @refetchable(queryName: "membersListPageQuery") {
        members(first: $first, after: $after, filter: { status: ACTIVE }) @connection(key: "List_members") {
          totalCount
          edges {
            node {
              id
              name
              county
            }
          }
        }
      }
    `,
    query,
  );
  const { totalCount, edges } = data.members;
  return (
    <section>
      <h2>
        {edges.length} of {totalCount} members
      </h2>
      <ul>
        {edges.map(({ node }) => (
          <li key={node.id}>
            {node.name} {node.county}
          </li>
        ))}
      </ul>
      {hasNext && (
        <button disabled={isLoadingNext} onClick={() => loadNext(25)}>
          More
        </button>
      )}
    </section>
  );
}
