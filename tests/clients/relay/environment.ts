// Relay's way to the register. relay-compiler writes each document to persisted.json under its id; the register is given that file as
// SAMREGISTER_DOCUMENTS, and the app sends ids. With SAMREGISTER_DOCUMENTS_ONLY it answers nothing else.
import { createClient } from "graphql-ws";
import { Environment, Network, Observable, RecordSource, Store } from "relay-runtime";
import type { FetchFunction, GraphQLResponse, GraphQLSingularResponse, SubscribeFunction } from "relay-runtime";
import WebSocket from "ws";
import { socketUrl, token, url } from "../register.js";
import { followingFetch } from "../revision.js";

const authorization = `Bearer ${token}`;
const following = followingFetch(fetch);

const ask: FetchFunction = async ({ id, name }, variables, { metadata }) => {
  const key = metadata?.["key"];
  const response = await following(`${url}/graphql`, {
    method: "POST",
    headers: {
      authorization,
      accept: "application/graphql-response+json",
      "content-type": "application/json",
      ...(typeof key === "string" && { "idempotency-key": key }),
    },
    body: JSON.stringify({ documentId: id, operationName: name, variables }),
  });
  return (await response.json()) as GraphQLResponse;
};

// Node has no WebSocket before 22; a browser needs no `webSocketImpl`.
const socket = createClient({ url: socketUrl, connectionParams: { authorization }, webSocketImpl: WebSocket });

// A socket takes documents by their text.
const listen: SubscribeFunction = ({ text, name }, variables) =>
  Observable.create<GraphQLSingularResponse>((sink) =>
    socket.subscribe(
      { query: text ?? "", operationName: name, variables },
      { next: (event) => sink.next(event as GraphQLSingularResponse), error: (error) => sink.error(error as Error), complete: sink.complete },
    ),
  );

export const makeEnvironment = (): Environment =>
  new Environment({ network: Network.create(ask, listen), store: new Store(new RecordSource()) });
