//! Content of an issued invoice as a document.

use std::collections::HashMap;

use ::entity::{
    date_range::DateRange,
    id::{ActivityId, AgreementId, InvoiceId},
};
use documents::invoice::{self as document, Invoice, Line, RateSum, Reference};

use super::{
    aggregate::InvoiceAggregate,
    amounts,
    interest_rows::{REASON_WITHOUT_VAT, is_interest},
};

/// Names of the objects that invoices refer to.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) activities: HashMap<ActivityId, String>,
    pub(super) agreements: HashMap<AgreementId, String>,
    pub(super) invoices: HashMap<InvoiceId, Reference>,
}

/// Returns the content of an issued invoice as a document.
pub(super) fn document(
    aggregate: &InvoiceAggregate,
    seller: document::Seller,
    buyer: document::Buyer,
    mut terms: document::Terms,
    names: &Names,
) -> Invoice {
    let line = |line: &::entity::invoice_line::Model| Line {
        description: line.description.clone(),
        activity: line.activity_id.and_then(|id| names.activities.get(&id).cloned()),
        agreement: line.agreement_id.and_then(|id| names.agreements.get(&id).cloned()),
        period: line.period_from.zip(line.period_to).map(DateRange::from),
        quantity: line.quantity,
        unit: line.unit,
        unit_price: line.unit_price,
        vat_rate: line.vat_rate,
        exemption_reason: line.exemption_reason.clone(),
        exemption_code: line.exemption_code.clone(),
        net: line.net,
    };
    let row = &aggregate.row;
    let is_interest = is_interest(&aggregate.lines);
    if is_interest {
        REASON_WITHOUT_VAT.clone_into(&mut terms.outside_scope_reason);
    }
    Invoice {
        kind: row.kind,
        number: row.number.clone().unwrap_or_default(),
        ocr: row.ocr.clone(),
        issued_on: row.issued_on.unwrap_or_default(),
        due_on: row.due_on,
        seller,
        buyer,
        lines: aggregate.lines.iter().map(line).collect(),
        rates: amounts::by_rate(&aggregate.lines)
            .into_iter()
            .map(|sum| RateSum { rate: sum.rate, net: sum.net, vat: sum.vat })
            .collect(),
        net: row.net,
        vat: row.vat,
        rounding: row.rounding,
        total: row.total,
        refers_to: row
            .credits_id
            .or(row.corrects_id)
            .and_then(|id| names.invoices.get(&id).cloned()),
        reason: row.reason.clone(),
        order_reference: row.order_reference.clone(),
        is_interest,
        terms,
    }
}

#[cfg(test)]
mod tests {
    use ::entity::{invoice, invoice_line, kind::VatRate, money::Money};

    use super::*;

    #[test]
    fn a_document_has_the_names_of_what_its_lines_are_about() {
        let (activity, agreement, credited) =
            (ActivityId::new(), AgreementId::new(), InvoiceId::new());
        let line = |vat_rate, net, vat| invoice_line::Model {
            activity_id: Some(activity),
            agreement_id: Some(agreement),
            period_from: "2026-01-01".parse().ok(),
            period_to: "2026-06-30".parse().ok(),
            vat_rate,
            net: Money(net),
            vat: Money(vat),
            ..invoice_line::Model::default()
        };
        let aggregate = InvoiceAggregate {
            row: invoice::Model {
                number: Some("K20260001".into()),
                credits_id: Some(credited),
                ..invoice::Model::default()
            },
            lines: vec![
                line(VatRate::Standard25, 400, 100),
                line(VatRate::Reduced6, 100, 6),
                line(VatRate::Standard25, 200, 50),
            ],
            ..InvoiceAggregate::default()
        };
        let reference =
            Reference { number: "20260001".into(), issued_on: "2026-10-01".parse().unwrap() };
        let names = Names {
            activities: HashMap::from([(activity, "BIP".into())]),
            agreements: HashMap::new(),
            invoices: HashMap::from([(credited, reference)]),
        };
        let content = document(
            &aggregate,
            document::Seller::default(),
            document::Buyer::default(),
            document::Terms::default(),
            &names,
        );
        assert_eq!(content.number, "K20260001");
        assert_eq!(content.refers_to.map(|other| other.number).as_deref(), Some("20260001"));
        let sums: Vec<_> =
            content.rates.iter().map(|sum| (sum.rate, sum.net.0, sum.vat.0)).collect();
        assert_eq!(sums, [(VatRate::Standard25, 600, 150), (VatRate::Reduced6, 100, 6)]);
        let line = &content.lines[0];
        assert_eq!((line.activity.as_deref(), line.agreement.as_deref()), (Some("BIP"), None));
        assert!(line.period.is_some() && !content.is_interest);
    }
}
