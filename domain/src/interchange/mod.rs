//! Exchange: the whole register as CSV files, read from a folder all or nothing, and written to
//! one.
//!
//! [`import`](import::import) reads the files in the order of [`File::ALL`], each row by row,
//! within one transaction: a file refers only to those before it, and to itself. Rows are known
//! again by their `key`, or by what names them where there is no key, so that the same files again
//! change nothing. [`export`](export::export) writes the same files, ordered by key: read into an
//! empty register and written again they are the same to the byte. Of what is in no file, as the
//! audit trail, `docs/csv-files.md` tells.
//!
//! Each part's file here holds both ways of its CSV files: how a row becomes a row of the register,
//! and back.

pub mod bank;
pub mod export;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod import;

mod accounts;
mod activities;
mod agreements;
mod bank_payments;
mod attachments;
mod booking_details;
mod books_closing;
mod row;
mod fee_schedules;
mod invoices;
mod key_resolution;
mod members;
mod organisations;
mod reader;
mod reference_rates;
mod requisitions;
mod staging;
mod tax_decisions;
mod templates;
mod vouchers;
mod bulk_insert;

/// A CSV file of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum File {
    /// Members with their municipalities and billing details.
    Members,
    /// Counterparties that are no members.
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
    /// Versions of templates; their texts are files of their own.
    Templates,
    /// Agreements.
    Agreements,
    /// Reference rates that the register was told.
    ReferenceRates,
    /// Payments as the bank's files told of them.
    BankPayments,
    /// Invoices and credit notes.
    Invoices,
    /// Their lines.
    InvoiceLines,
    /// Their payments.
    Payments,
    /// Refunds and write-offs of them.
    Adjustments,
    /// The reminders that were sent of them.
    Reminders,
    /// The fees that runs invoiced with their lines.
    FeeCharges,
    /// Their documents; the bytes are files of their own.
    InvoiceDocuments,
    /// Costs of activities.
    Costs,
    /// Grants to activities.
    Grants,
    /// Requisitions of grants.
    Requisitions,
    /// Status reports of activities.
    StatusReports,
    /// Batches of vouchers that were exported to the bookkeeping program; their files are files of
    /// their own.
    ExportBatches,
    /// Vouchers of these batches, and those that were booked elsewhere.
    Vouchers,
    /// The day through which the books are closed; last, so that what it closes can be read before.
    BooksClosing,
}

impl File {
    /// Every file; each refers only to those before it.
    pub const ALL: [Self; 25] = [
        Self::Members,
        Self::Organisations,
        Self::Allocations,
        Self::Contacts,
        Self::Activities,
        Self::FeeSchedules,
        Self::TaxDecisions,
        Self::Templates,
        Self::Agreements,
        Self::ReferenceRates,
        Self::BankPayments,
        Self::Invoices,
        Self::InvoiceLines,
        Self::Payments,
        Self::Adjustments,
        Self::Reminders,
        Self::FeeCharges,
        Self::InvoiceDocuments,
        Self::Costs,
        Self::Grants,
        Self::Requisitions,
        Self::StatusReports,
        Self::ExportBatches,
        Self::Vouchers,
        Self::BooksClosing,
    ];

    /// Its name in the folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Members => "members.csv",
            Self::Organisations => "organisations.csv",
            Self::Allocations => "allocations.csv",
            Self::Contacts => "contacts.csv",
            Self::Activities => "activities.csv",
            Self::FeeSchedules => "fee_schedules.csv",
            Self::TaxDecisions => "tax_decisions.csv",
            Self::Templates => "templates.csv",
            Self::Agreements => "agreements.csv",
            Self::ReferenceRates => "reference_rates.csv",
            Self::BankPayments => "bank_payments.csv",
            Self::Invoices => "invoices.csv",
            Self::InvoiceLines => "invoice_lines.csv",
            Self::Payments => "payments.csv",
            Self::Adjustments => "adjustments.csv",
            Self::Reminders => "reminders.csv",
            Self::FeeCharges => "fee_charges.csv",
            Self::InvoiceDocuments => "invoice_documents.csv",
            Self::Costs => "costs.csv",
            Self::Grants => "grants.csv",
            Self::Requisitions => "requisitions.csv",
            Self::StatusReports => "status_reports.csv",
            Self::ExportBatches => "export_batches.csv",
            Self::Vouchers => "vouchers.csv",
            Self::BooksClosing => "books_closing.csv",
        }
    }

    /// The columns that it must have, in the order that they are written.
    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Members => &[
                "key",
                "name",
                "org_number",
                "county",
                "municipalities",
                "contact_area",
                "joined_on",
                "left_on",
                "billing_email",
                "peppol_id",
                "buyer_reference",
                "address_line",
                "postal_code",
                "city",
            ],
            Self::Organisations => &["key", "name", "org_number"],
            Self::Allocations => &["member", "year", "basis", "amount", "source"],
            Self::Contacts => {
                &["key", "member", "role", "name", "email", "phone", "valid_from", "valid_to"]
            }
            Self::Activities => {
                &["key", "slug", "name", "purpose", "goal", "funding", "starts_on", "ends_on"]
            }
            Self::FeeSchedules => &[
                "activity",
                "valid_from",
                "valid_to",
                "basis",
                "amount",
                "per_mille",
                "cap",
                "minimum",
                "vat_rate",
            ],
            Self::TaxDecisions => &[
                "fee",
                "activity",
                "valid_from",
                "vat_rate",
                "exemption_reason",
                "exemption_code",
                "decided_on",
                "reference",
            ],
            Self::Templates => &[
                "slug",
                "title",
                "kind",
                "activity",
                "version",
                "state",
                "language",
                "body_file",
                "parameters_file",
            ],
            Self::Agreements => &[
                "key",
                "number",
                "kind",
                "direction",
                "activity",
                "counterparty",
                "template",
                "template_version",
                "starts_on",
                "ends_on",
                "notice_months",
                "renewal_months",
                "offered_at",
                "signed_on",
                "notice_given_on",
                "fee_basis",
                "fee_amount",
                "fee_per_mille",
                "vat_rate",
            ],
            Self::ReferenceRates => &["valid_from", "rate", "source"],
            Self::BankPayments => &[
                "bank_reference",
                "file_name",
                "file_sha256",
                "imported_at",
                "account",
                "booked_on",
                "amount",
                "reference",
                "message",
                "payer_name",
                "payer_org_number",
                "finding",
                "set_aside_on",
                "set_aside_reason",
            ],
            Self::Invoices => &["key", "number", "kind", "buyer", "issued_on", "due_on", "credits"],
            Self::InvoiceLines => &[
                "invoice",
                "description",
                "activity",
                "agreement",
                "period_from",
                "period_to",
                "quantity",
                "unit_price",
                "vat_rate",
            ],
            Self::Payments => &["invoice", "received_on", "amount", "reference"],
            Self::Adjustments => &["invoice", "kind", "dated_on", "amount", "reference"],
            Self::Reminders => &["invoice", "sent_on", "fee"],
            Self::FeeCharges => &["invoice", "line", "kind", "year", "round"],
            Self::InvoiceDocuments => &["invoice", "format", "sha256", "file"],
            Self::Costs => &["activity", "booked_on", "amount", "description"],
            Self::Grants => &["activity", "booked_on", "amount", "funder"],
            Self::Requisitions => &[
                "number",
                "agreement",
                "issued_on",
                "due_on",
                "amount",
                "period_from",
                "period_to",
                "description",
                "reference",
                "content",
            ],
            Self::StatusReports => &[
                "activity",
                "period",
                "health",
                "summary",
                "deviations",
                "next_steps",
                "reported_by",
                "reported_at",
            ],
            Self::ExportBatches => &[
                "number",
                "made_at",
                "through_on",
                "vouchers",
                "vouchers_sha256",
                "sha256",
                "file",
            ],
            Self::Vouchers => {
                &["source", "invoice", "reference", "series", "year", "number", "batch"]
            }
            Self::BooksClosing => &["closed_through", "reason"],
        }
    }

    /// The columns that it may have besides, written after the others. What a file without one of
    /// them says nothing about stays as it is.
    #[must_use]
    pub fn extra_columns(self) -> &'static [&'static str] {
        match self {
            Self::Members => &["successor", "leaving_reason", "former_names"],
            Self::Organisations => &[
                "billing_email",
                "peppol_id",
                "buyer_reference",
                "address_line",
                "postal_code",
                "city",
            ],
            Self::Contacts => &["organisation", "contact_area", "erased_at"],
            Self::Activities => &["board_contact", "lead"],
            Self::Templates => &["published_at"],
            Self::Agreements => &[
                "withdrawn_on",
                "termination_reason",
                "replaces",
                "parameters",
                "fee_cap",
                "fee_minimum",
                "fee_allocation_basis",
                "notice_end_decided_on",
            ],
            Self::FeeSchedules => &["allocation_basis"],
            Self::Invoices => &[
                "ocr",
                "rounding",
                "corrects",
                "reason",
                "due_in_days",
                "order_reference",
                "our_reference",
                "buyer_reference",
            ],
            Self::InvoiceLines => {
                &["unit", "account", "credits_line", "vat", "exemption_reason", "exemption_code"]
            }
            Self::Payments => &["reverses", "reason", "bank_payment", "booked_on"],
            Self::Adjustments => &["bank_payment", "reverses", "reason", "booked_on"],
            Self::BankPayments => &["entry_reference", "duplicate_of", "posted_on"],
            Self::Requisitions => &["withdrawn_on", "withdrawal_reason"],
            Self::Costs => &["vat", "supplier", "reference", "agreement", "reverses", "reason"],
            Self::Grants => &["agreement", "reverses", "reason"],
            Self::Vouchers => &["part"],
            _ => &[],
        }
    }
}

/// How far a long import or export has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The file in hand.
    pub file: File,
    /// Rows of it so far.
    pub rows: u64,
    /// How much of it is done: bytes read on import, rows written on export.
    pub done: u64,
    /// How much there is, in the same measure.
    pub of: u64,
}

/// Is told how far it has come, after every few hundred rows.
pub type Watcher<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// What to say when a file of the exchange can't be read or written.
fn unusable(
    path: &std::path::Path,
    action: &str,
    cause: &impl std::fmt::Display,
) -> crate::error::Error {
    crate::error::Error::conflict("FILE", format!("cannot {action} {}: {cause}", path.display()))
}
