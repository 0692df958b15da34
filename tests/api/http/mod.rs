//! The server: GraphQL over HTTP and WebSocket, its limits, and its other routes.

mod conditional_requests;
mod connections;
mod document_limits;
mod graphiql;
mod limits;
mod metrics;
mod persisted_documents;
mod probes;
mod protocol;
mod query_cost;
mod requests;
mod response_size;
mod server;
mod time_limits;
mod websocket;
mod websocket_load;
