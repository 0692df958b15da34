//! Kind, status and warnings of invoices.

use async_graphql::{Enum, SimpleObject};
use domain::{codes::WarningCode, invoices::amounts};

use crate::graphql::error_codes::Coded;

/// Kind of an invoice document.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::InvoiceKind")]
pub enum InvoiceKind {
    /// An invoice (faktura).
    Invoice,
    /// A credit note (kreditfaktura), with positive amounts, of the invoice that it credits.
    CreditNote,
}

/// Status of an invoice or credit note as of a day, derived from its dates and payments.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "amounts::State")]
pub enum InvoiceStatus {
    /// Draft: may still change.
    Draft,
    /// Issued, and not paid. A credit note stays in this status.
    Issued,
    /// Paid in part, and not yet due.
    PartlyPaid,
    /// Covered by payments, together with credit notes if any.
    Paid,
    /// Not covered, and its last day to pay has passed.
    Overdue,
    /// Covered by credit notes alone.
    Credited,
}

/// A warning about an issued invoice.
#[derive(SimpleObject)]
pub struct InvoiceWarning {
    /// Stable code for programs.
    pub(super) code: Coded<WarningCode>,
    /// Description of the warning, in English.
    pub(super) message: String,
}
