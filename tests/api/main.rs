//! Tests of the API over HTTP, in process. `tests/run.sh` runs them on SQLite and PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

mod access;
mod activities;
mod agreements;
mod audit;
mod economy;
mod interchange;
mod interfaces;
mod network;
mod operations;
mod repository;
