//! CSV files of the register: exports and imports.

mod blocked_writers;
mod csv;
mod import_statements;
mod invoice_files;
pub mod round_trip;
