//! CSV files of the register: exports and imports.

mod csv;
mod invoice_files;
pub mod round_trip;
