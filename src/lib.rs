//! Samregister: the membership and contracts register of NNS, the network of Sweden's samordningsförbund.
//!
//! Read the modules in this order: what the register stands on, who asks, the rules noun by noun (each knows only those
//! before it), what leaves as a file, and the three ways in.

// What it stands on
pub mod clock;
pub mod config;
pub mod error;
pub mod swedish;
pub mod database;
pub mod page;
pub mod search;
pub mod idempotency;
pub mod audit;

// Who asks
pub mod auth;

// The rules
pub mod terms;
pub mod members;
pub mod organisations;
pub mod activities;
pub mod templates;
pub mod agreements;
pub mod fees;
pub mod invoices;
pub mod revenue;
pub mod changes;
pub mod exchange;
pub mod retention;

// What leaves as a file
pub mod documents;

// The ways in
pub mod cli;
pub mod graphql;
pub mod server;
