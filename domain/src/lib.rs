//! The business rules of Samregister, the membership and contracts register of NNS, the network of
//! Sweden's samordningsförbund: its data, its permissions, and the content of its documents and
//! files, which the crate `documents` renders. This crate depends on neither GraphQL nor HTTP nor a
//! terminal.
//!
//! Read the modules in this order: the foundation, authentication, and the rules by noun (each
//! depends only on those before it).

// Foundation
pub mod clock;
pub mod codes;
pub mod config;
mod conflict_reason;
mod field_error_code;
mod field_problem;
pub mod error;
mod document_text;
pub mod files;
pub mod collation;
pub mod findings;
pub mod database;
mod query;
pub mod page;
pub mod search;
pub mod idempotency;
pub mod removal;
pub mod context;
pub mod activity_slugs;
pub mod booking_status;
pub mod audit;
pub mod bulk;
mod date_order;
pub mod output;
pub mod worker_pool;

// Authentication and authorization
pub mod auth;

// Rules by noun
pub mod term_sql;
pub mod stored_files;
pub mod books;
pub mod members;
pub mod contacts;
pub mod organisations;
pub mod decisions;
pub mod activities;
pub mod status_reports;
pub mod tax_decisions;
pub mod templates;
pub mod agreements;
pub mod fees;
pub mod decision_list;
pub mod interest;
pub mod invoices;
pub mod requisitions;
pub mod payments;
pub mod receivables;
pub mod document_list;
pub mod vouchers;
pub mod ledger;
pub mod revenue;
pub mod archived_documents;
pub mod diary;
pub mod file_access;
pub mod change_feed;
pub mod interchange;
pub mod retention;
pub mod persons;
pub mod integrity;
pub mod backup;
pub mod doctor;
