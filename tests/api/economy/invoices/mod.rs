//! Invoices: their lifecycle, charges, documents and queries.

mod balances;
mod claim_terms;
mod credits;
mod document_list;
mod documents;
mod fee_charges;
mod invoice_run;
mod issue_statements;
mod issued_files;
mod large_sums;
mod lifecycle;
mod numbers;
mod part_lists;
mod peppol;
pub mod queries;
mod references;
pub mod requisitions;
