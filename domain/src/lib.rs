//! The rules of Samregister, the membership and contracts register of NNS, the network of Sweden's
//! samordningsförbund: what it holds, who may see and do what, and what leaves it as a file. It
//! knows neither GraphQL nor HTTP nor a terminal.
//!
//! Read the modules in this order: what the register stands on, who asks, the rules noun by noun
//! (each knows only those before it), and what leaves as a file.

// What it stands on
pub mod clock;
pub mod config;
pub mod error;
mod document_text;
pub mod files;
pub mod swedish;
pub mod findings;
pub mod database;
pub mod page;
pub mod search;
pub mod idempotency;
pub mod audit;
mod date_order;
pub mod output;
pub mod worker_pool;

// Who asks
pub mod auth;

// The rules
pub mod term_sql;
pub mod books;
pub mod members;
pub mod organisations;
pub mod activities;
pub mod templates;
pub mod agreements;
pub mod fees;
pub mod interest;
pub mod invoices;
pub mod payments;
pub mod receivables;
pub mod vouchers;
pub mod revenue;
pub mod change_feed;
pub mod interchange;
pub mod retention;
pub mod persons;
pub mod integrity;

// What leaves as a file
pub mod documents;
