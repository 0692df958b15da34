//! Swedish labels of enum values, for workbooks and documents.

use entity::kind::{AgreementKind, BankFinding, DeadlineKind, InvoiceKind};

/// Returns the label of a kind of agreement.
#[must_use]
pub fn agreement_kind(kind: AgreementKind) -> &'static str {
    match kind {
        AgreementKind::Participation => "Särskilt avtal",
        AgreementKind::Assignment => "Uppdragsavtal",
        AgreementKind::Cooperation => "Samarbetsavtal",
    }
}

/// Returns the label of a kind of deadline.
#[must_use]
pub fn deadline_kind(kind: DeadlineKind) -> &'static str {
    match kind {
        DeadlineKind::Notice => "Sista dag för uppsägning",
        DeadlineKind::End => "Avtalets sista dag",
    }
}

/// Returns the label of a kind of invoice.
#[must_use]
pub fn invoice_kind(kind: InvoiceKind) -> &'static str {
    match kind {
        InvoiceKind::Invoice => "Faktura",
        InvoiceKind::CreditNote => "Kreditfaktura",
    }
}

/// Returns the label of the finding about a bank payment.
#[must_use]
pub fn bank_finding(finding: BankFinding) -> &'static str {
    match finding {
        BankFinding::Ocr => "OCR-nummer",
        BankFinding::Number => "Fakturanummer och belopp",
        BankFinding::References => "Flera fakturor",
        BankFinding::NoReference => "Ingen referens",
        BankFinding::UnknownReference => "Okänd referens",
        BankFinding::Ambiguous => "Oklart vilken faktura",
        BankFinding::AmountDiffers => "Beloppet stämmer inte",
        BankFinding::BeforeIssue => "Före fakturans datum",
        BankFinding::NotIncoming => "Inte en inbetalning",
        BankFinding::CreditNote => "Kreditfaktura",
        BankFinding::Deduction => "Avdrag",
    }
}
