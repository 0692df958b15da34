//! The foundation of the tests: registers, fixtures, servers, clients and validators.

pub mod agreement_fixtures;
pub mod app;
pub mod bank_fixtures;
pub mod caller;
pub mod canaries;
pub mod database_content;
pub mod database_intruder;
pub mod document_fixtures;
pub mod fixtures;
pub mod http_server;
pub mod invoicing_fixtures;
pub mod lifecycle_fixtures;
pub mod logged_server;
pub mod pages;
pub mod payment_fixtures;
pub mod test_database;
pub mod query_fuzzer;
pub mod random_ledger;
pub mod register_files;
pub mod schema_documents;
pub mod secrets;
pub mod server_process;
pub mod unseen_changes;
pub mod uploads;
pub mod validators;
