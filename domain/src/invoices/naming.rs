//! Names of invoices in messages.

use ::entity::{invoice::Model, kind::InvoiceKind};

/// Returns the name of an invoice in messages.
pub(crate) fn name(invoice: &Model) -> String {
    let kind = match invoice.kind {
        InvoiceKind::Invoice => "invoice",
        InvoiceKind::CreditNote => "credit note",
    };
    match &invoice.number {
        Some(number) => format!("{kind} {number}"),
        None => format!("draft {kind} {}", invoice.id.0.simple()),
    }
}
