//! Reasons why lines are without VAT: an e-invoice has one group of exempt lines (EN 16931,
//! BR-E-01), so several reasons are joined with the numbers of their lines.

use std::borrow::Cow;

use entity::kind::VatRate;

use super::contents::{Invoice, Line};

impl Invoice {
    /// Returns the reason why lines of this rate are without VAT, as text; `None` if they have VAT.
    #[must_use]
    pub fn reason_without_vat(&self, rate: VatRate) -> Option<Cow<'_, str>> {
        match rate {
            VatRate::Standard25 | VatRate::Reduced12 | VatRate::Reduced6 | VatRate::Zero => None,
            VatRate::Exempt => Some(reason(self)),
            VatRate::OutsideScope => Some(Cow::Borrowed(&self.terms.outside_scope_reason)),
        }
    }

    /// Returns the VATEX code of the reason why lines of this rate are without VAT; `None` if no
    /// single code applies to all of them.
    #[must_use]
    pub fn code_without_vat(&self, rate: VatRate) -> Option<&str> {
        match rate {
            VatRate::Standard25 | VatRate::Reduced12 | VatRate::Reduced6 | VatRate::Zero => None,
            VatRate::Exempt => code(self),
            VatRate::OutsideScope => Some("VATEX-EU-O"),
        }
    }
}

/// A reason with the numbers of its lines.
struct Reason<'i> {
    text: &'i str,
    code: Option<&'i str>,
    lines: Vec<usize>,
}

/// Returns the distinct reasons of an invoice's exempt lines, in the order of the lines.
fn reasons(invoice: &Invoice) -> Vec<Reason<'_>> {
    let mut reasons: Vec<Reason<'_>> = Vec::new();
    let exempt = (1..)
        .zip(&invoice.lines)
        .filter(|(_, line): &(usize, &Line)| line.vat_rate == VatRate::Exempt);
    for (number, line) in exempt {
        let text = line.exemption_reason.as_deref().unwrap_or(&invoice.terms.exemption_reason);
        let code = line.exemption_code.as_deref();
        match reasons.iter_mut().find(|reason| (reason.text, reason.code) == (text, code)) {
            Some(reason) => reason.lines.push(number),
            None => reasons.push(Reason { text, code, lines: vec![number] }),
        }
    }
    reasons
}

/// Returns the reason as text. Several reasons are joined with the numbers of their lines: `Rad 1:
/// …; rad 2, 3: …`.
fn reason(invoice: &Invoice) -> Cow<'_, str> {
    let reasons = reasons(invoice);
    let Some(first) = reasons.first() else {
        return Cow::Borrowed(&invoice.terms.exemption_reason);
    };
    if reasons.iter().all(|reason| reason.text == first.text) {
        return Cow::Borrowed(first.text);
    }
    let of_lines = |reason: &Reason<'_>| {
        let numbers: Vec<String> = reason.lines.iter().map(ToString::to_string).collect();
        format!("rad {}: {}", numbers.join(", "), reason.text)
    };
    let words = reasons.iter().map(of_lines).collect::<Vec<_>>().join("; ");
    Cow::Owned(words.replacen('r', "R", 1))
}

/// Returns the code that all exempt lines share; `None` if they have several, or some have none.
fn code(invoice: &Invoice) -> Option<&str> {
    let reasons = reasons(invoice);
    let first = reasons.first()?.code?;
    reasons.iter().all(|reason| reason.code == Some(first)).then_some(first)
}
