// Apollo Client 4: queries by GET with only their hash once the register knows them, mutations by POST, subscriptions by WebSocket.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { sha256, socketUrl, token, url } from "../register.js";

export function makeClient(fetch: typeof globalThis.fetch): ApolloClient {
  const authorization = `Bearer ${token}`;
  const http = new HttpLink({ uri: `${url}/graphql`, headers: { authorization }, fetch });
  const queries = new PersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(http);
  // Node has no WebSocket before 22; a browser needs no `webSocketImpl`.
  const socket = createClient({ url: socketUrl, connectionParams: { authorization }, webSocketImpl: WebSocket });
  const requests = ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.QUERY, queries, http);
  return new ApolloClient({
    link: ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION, new GraphQLWsLink(socket), requests),
    // Pages that are fetched are joined to those before, for each filter and order.
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { members: relayStylePagination(["filter", "orderBy"]) } } },
    }),
  });
}
