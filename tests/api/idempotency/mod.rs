//! Requests with an `Idempotency-Key`: applied once, answered alike, also after a kill.

mod killed_server;
mod outcomes;
mod requests;
