//! The server: GraphQL over HTTP and WebSocket, its limits, and its other routes.

mod answer_cache;
mod conditional_requests;
mod connections;
mod cors;
mod document_limits;
mod event_stream;
mod graphiql;
mod languages;
mod limits;
mod metrics;
mod monitoring;
mod persisted_documents;
mod probes;
mod protocol;
mod query_cost;
mod reload;
mod request_log;
mod requests;
mod response_size;
mod server;
mod signed_links;
mod telemetry;
mod time_limits;
mod uploads;
mod websocket;
mod websocket_load;
