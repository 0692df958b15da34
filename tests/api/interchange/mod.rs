//! CSV files of the register, and documents of every kind.

pub mod archive;
mod archive_integrity;
mod archive_retention;
mod blocked_writers;
mod csv;
mod diary_days;
pub mod documents;
mod import_statements;
mod invoice_files;
pub mod round_trip;
mod scanned_contracts;
