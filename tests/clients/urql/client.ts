// urql: queries by GET with only their hash once the register knows them, mutations by POST, subscriptions by WebSocket.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { sha256, socketUrl, token, url } from "../register.js";

export const authorization = `Bearer ${token}`;

export function makeClient(fetch: typeof globalThis.fetch): Client {
  // Node has no WebSocket before 22; a browser needs no `webSocketImpl`.
  const socket = createClient({ url: socketUrl, connectionParams: { authorization }, webSocketImpl: WebSocket });
  return new Client({
    url: `${url}/graphql`,
    fetch,
    fetchOptions: { headers: { authorization } },
    preferGetMethod: false,
    exchanges: [
      cacheExchange,
      persistedExchange({ preferGetForPersistedQueries: true, generateHash: async (document) => sha256(document) }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: query ?? "", variables }, sink) }),
        }),
      }),
    ],
  });
}
