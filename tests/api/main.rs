//! Tests of the API over HTTP, in process. `tests/run.sh` runs them on SQLite and PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

mod access;
mod activities;
mod agreements;
mod audit;
mod backups;
mod change_feed;
mod cli;
mod database;
mod decisions;
mod documents;
mod fees;
mod graphql;
mod http;
mod idempotency;
mod interchange;
mod invoices;
mod members;
mod model;
mod noninterference;
mod organisations;
mod payments;
mod persons;
mod receivables;
mod repository;
mod revenue;
mod search;
mod templates;
mod vouchers;
