//! What the API promises, asked through HTTP in process; `tests/run.sh` runs it on both databases.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

// What the tests stand on
mod agreement_samples;
mod app;
mod bank_samples;
mod document;
mod invoice_samples;
mod invoicing_samples;
mod judges;
mod life_samples;
mod lot;
mod payment_samples;
mod samples;

// What is promised
mod access;
mod activities;
mod agreements;
mod attribution;
mod audit;
mod bad_input;
mod bank_files;
mod bank_rules;
mod break_even;
mod checkers;
mod cli;
mod connections;
mod consistency;
mod contacts;
mod deadlines;
mod endings;
mod exchange;
mod fees;
mod forecast;
mod http;
mod invoice_documents;
mod invoice_life;
mod fee_charges;
mod invoice_run;
mod invoices;
mod late;
mod layers;
mod life;
mod matrix;
mod members;
mod metrics;
mod organisations;
mod outages;
mod payments;
mod peppol;
mod reminders;
mod revenue;
mod revenue_files;
mod revenue_sums;
mod roles;
mod round_trip;
mod schema;
mod search;
mod sie;
mod statements;
mod template_library;
mod template_texts;
mod templates;
mod terms;
mod verify;
mod walk;
