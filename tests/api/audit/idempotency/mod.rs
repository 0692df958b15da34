//! Requests with an `Idempotency-Key`: applied once, answered alike, also after a kill.

mod bulk;
mod killed_server;
mod outcomes;
mod requests;
