// urql: queries by GET with only their hash once the register knows them, mutations by POST, subscriptions by Server-Sent Events, which
// pass where no WebSocket does. Messages of errors are in Swedish.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { createClient } from "graphql-sse";
import { token, url } from "../register.js";
import { followingFetch } from "../revision.js";
import { sha256 } from "../sha256.js";

export const headers = { authorization: `Bearer ${token}`, "accept-language": "sv" };

export function makeClient(fetch: typeof globalThis.fetch): Client {
  // One connection for each subscription: the mode "distinct connections" of the protocol graphql-sse.
  const events = createClient({ url: `${url}/graphql`, headers, singleConnection: false });
  return new Client({
    url: `${url}/graphql`,
    fetch: followingFetch(fetch),
    fetchOptions: { headers },
    preferGetMethod: false,
    exchanges: [
      cacheExchange,
      persistedExchange({ preferGetForPersistedQueries: true, generateHash: sha256 }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: events.subscribe({ query: query ?? "", variables }, sink) }),
        }),
      }),
    ],
  });
}
