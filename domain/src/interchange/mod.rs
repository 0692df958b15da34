//! Interchange: the whole register as CSV files, imported from a folder all or nothing, and
//! exported to one.
//!
//! [`import`](import::import) reads the files in the order of [`File::ALL`], row by row, in one
//! transaction: a file refers only to the files before it and to itself. Rows are identified by
//! their `key`, or by their natural key where they have none, so that importing the same files
//! again changes nothing. [`export`](export::export) writes the same files, ordered by key: an
//! import into an empty register and an export reproduce them byte for byte.
//! `docs/csv-files.md` lists the data that is in no file, as the audit trail.
//!
//! The module of each entity has both directions of its files: from a CSV row to a row of the
//! register, and back.

pub mod bank;
pub mod export;
#[doc(hidden)]
pub mod fuzzing;
pub mod import;

mod accounts;
mod activities;
mod agreements;
mod allocations;
mod archive;
mod archive_integrity;
mod attachments;
mod bank_payments;
mod booking_details;
mod books_closing;
mod bulk_insert;
mod columns;
mod contact_areas;
mod cost_files;
mod fee_schedules;
mod invoices;
mod key_resolution;
mod keyed_rows;
mod members;
mod organisations;
mod reader;
mod reference_rates;
mod requisitions;
mod row;
mod staging;
mod tax_decisions;
mod templates;
mod vouchers;

/// A CSV file of the interchange.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case", suffix = ".csv")]
pub enum File {
    /// Members with their municipalities and billing details.
    Members,
    /// Counterparties that are not members.
    Organisations,
    /// Members' allocations.
    Allocations,
    /// Contacts of members, organisations and contact areas.
    Contacts,
    /// Activities.
    Activities,
    /// Prices of activities, and the network's own fees.
    FeeSchedules,
    /// Decisions on how VAT is treated on fees.
    TaxDecisions,
    /// Versions of templates; their texts are separate files.
    Templates,
    /// Agreements.
    Agreements,
    /// Recorded reference rates.
    ReferenceRates,
    /// Payments from the bank's files.
    BankPayments,
    /// Invoices and credit notes.
    Invoices,
    /// Lines of invoices.
    InvoiceLines,
    /// Payments of invoices.
    Payments,
    /// Refunds and write-offs of invoices.
    Adjustments,
    /// Reminders of invoices.
    Reminders,
    /// Fees that invoice runs charged, by invoice line.
    FeeCharges,
    /// Documents of invoices; the bytes are separate files.
    InvoiceDocuments,
    /// Costs of activities.
    Costs,
    /// Uploaded vouchers of costs; the bytes are separate files.
    CostFiles,
    /// Grants to activities.
    Grants,
    /// Requisitions of grants.
    Requisitions,
    /// Status reports of activities.
    StatusReports,
    /// Documents of the archive.
    ArchivedDocuments,
    /// Versions of these documents; the bytes are separate files.
    ArchivedFiles,
    /// Batches of vouchers that were exported to the bookkeeping program; the exported files are
    /// separate files.
    ExportBatches,
    /// Vouchers of these batches, and vouchers that were booked elsewhere.
    Vouchers,
    /// The day through which the books are closed; last, so that rows of closed days are imported
    /// before it.
    BooksClosing,
}

impl File {
    /// Every file. Each refers only to those before it and to itself.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns the name of the file in the folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Progress of an import or export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The current file.
    pub file: File,
    /// Number of its rows so far.
    pub rows: u64,
    /// Bytes read by an import, or rows written by an export.
    pub done: u64,
    /// Total size of the file, in the unit of `done`.
    pub of: u64,
}

/// A callback that receives the progress after every few hundred rows.
pub type Watcher<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Returns the error for a file that can't be read or written: CONFLICT `FILE`.
fn unusable(
    path: &std::path::Path,
    action: &str,
    cause: &impl std::fmt::Display,
) -> crate::error::Error {
    crate::error::Error::conflict(
        crate::error::ConflictReason::File,
        format!("cannot {action} {}: {cause}", path.display()),
    )
}
