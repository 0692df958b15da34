// Apollo Client 4: queries by GET with only their hash once the register knows them, mutations by POST, subscriptions by WebSocket.
// Nothing here is of Node: a page in a browser calls `makeClient({ url, token })`.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { followingFetch } from "../revision.js";
import { sha256 } from "../sha256.js";
import possible from "./generated/possible-types.js";

/** `url` is the register's address, as `https://register.example.se`. */
export type Options = { url: string; token: string; fetch?: typeof globalThis.fetch; webSocketImpl?: unknown };

export function makeClient({ url, token, ...platform }: Options): ApolloClient {
  const authorization = `Bearer ${token}`;
  const http = new HttpLink({ uri: `${url}/graphql`, headers: { authorization }, fetch: followingFetch(platform.fetch ?? fetch) });
  const queries = new PersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(http);
  const socket = createClient({
    url: `${url.replace(/^http/, "ws")}/graphql/ws`,
    connectionParams: { authorization },
    webSocketImpl: platform.webSocketImpl,
  });
  const requests = ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.QUERY, queries, http);
  return new ApolloClient({
    link: ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION, new GraphQLWsLink(socket), requests),
    cache: new InMemoryCache({
      // The types of interfaces and unions, from the schema: fragments on them match.
      possibleTypes: possible.possibleTypes,
      // Pages that are fetched are joined to those before, for each filter and order.
      typePolicies: { Query: { fields: { members: relayStylePagination(["filter", "orderBy"]) } } },
    }),
  });
}
