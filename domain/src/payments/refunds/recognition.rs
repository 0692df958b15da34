//! Recognition of refunds among the outgoing payments of a bank's file.

use std::collections::BTreeSet;

use ::entity::{id::InvoiceId, money::Money};

use crate::payments::bank::{
    incoming::Incoming,
    payer_references::{numbers, ocr_digits, ocrs},
};

/// An overpaid invoice that an outgoing row of the bank's file may name.
#[derive(Clone, Debug)]
pub(super) struct Overpaid {
    /// Id of the invoice.
    pub id: InvoiceId,
    /// Its number.
    pub number: String,
    /// Its OCR reference.
    pub ocr: Option<String>,
    /// The overpaid sum, öre.
    pub amount: Money,
}

/// Returns `None` for a payment that is no refund, else its invoice if that is certain.
pub(super) fn decide(incoming: &Incoming, overpaid: &[Overpaid]) -> Option<Option<InvoiceId>> {
    let texts = || {
        incoming
            .references
            .iter()
            .map(|reference| reference.text.as_str())
            .chain(incoming.message.as_deref())
    };
    let digits: BTreeSet<String> = texts().flat_map(ocrs).collect();
    let words: BTreeSet<&str> = texts().flat_map(numbers).collect();
    let names = |own: &&Overpaid| {
        words.contains(own.number.as_str())
            || own.ocr.as_deref().and_then(ocr_digits).is_some_and(|ocr| digits.contains(&ocr))
    };
    let named: Vec<&Overpaid> = overpaid.iter().filter(names).collect();
    match &named[..] {
        [one] => Some((one.amount == -incoming.amount).then_some(one.id)),
        [] if overpaid.iter().any(|own| own.amount == -incoming.amount) => Some(None),
        [] => None,
        _ => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::bank::incoming::Reference;

    #[test]
    fn an_outgoing_payment_is_a_refund_when_it_names_an_overpaid_invoice_or_its_sum() {
        let (one, two) = (InvoiceId::new(), InvoiceId::new());
        let of = |id, number: &str, ocr: &str, ore| Overpaid {
            id,
            number: number.into(),
            ocr: Some(ocr.into()),
            amount: Money(ore),
        };
        let overpaid =
            [of(one, "20260001", "2026000105", 7_500), of(two, "20260002", "2026000204", 9_900)];
        let out = |reference: &str, message: &str, ore: i64| Incoming {
            amount: Money(-ore),
            references: vec![Reference { text: reference.into(), amount: None }],
            message: Some(message.into()),
            ..Incoming::default()
        };
        for (incoming, expected) in [
            (out("2026000105", "", 7_500), Some(Some(one))),
            (out("", "Återbetalning faktura 20260001", 7_500), Some(Some(one))),
            (out("", "Återbetalning faktura 20260001", 7_400), Some(None)),
            (out("", "20260001 och 20260002", 7_500), Some(None)),
            (out("", "Tack", 9_900), Some(None)),
            (out("", "Lön november", 2_500_000), None),
        ] {
            assert_eq!(decide(&incoming, &overpaid), expected, "{incoming:?}");
        }
    }
}
