//! Lines of invoices that charge a yearly fee.

use std::collections::BTreeMap;

use ::entity::{
    fee_charge::Model,
    id::{AgreementId, InvoiceLineId, MemberId},
    invoice_line,
    kind::ChargeKind,
    money::Money,
};
use chrono::Datelike;
use uuid::Uuid;

use super::aggregate::InvoiceAggregate;

/// Sums of the fees of a kind and year by payer: an agreement or a member.
type FeeSums = BTreeMap<(ChargeKind, i32), BTreeMap<Uuid, Money>>;

/// Returns the sums of the fees that the lines of an invoice charge, of those with a period within
/// one year.
pub(super) fn charged_sums(aggregate: &InvoiceAggregate) -> FeeSums {
    let mut own_sums = FeeSums::new();
    for line in &aggregate.lines {
        let Some((kind, payer)) = fee_of(aggregate, line) else { continue };
        let Some((from, _)) =
            line.period_from.zip(line.period_to).filter(|(from, to)| from.year() == to.year())
        else {
            continue;
        };
        *own_sums.entry((kind, from.year())).or_default().entry(payer).or_default() += line.net;
    }
    own_sums
}

/// Returns the fee of an invoice line, by its columns and text, with the id of the agreement or
/// member.
fn fee_of(aggregate: &InvoiceAggregate, line: &invoice_line::Model) -> Option<(ChargeKind, Uuid)> {
    if line.net <= Money::ZERO {
        return None;
    }
    if let Some(agreement) = line.agreement_id {
        return Some((ChargeKind::SpecialFee, agreement.0));
    }
    let member = aggregate.row.member_id.filter(|_| line.activity_id.is_none())?;
    Some((fee_by_words(&line.description)?, member.0))
}

/// Returns the member's fee that a line names. `None` if it names none, or both, as in
/// «Medlemsavgift 2026 (utom serviceavgift)», which is ambiguous.
pub(super) fn fee_by_words(description: &str) -> Option<ChargeKind> {
    let text = description.to_lowercase();
    let is_named = |kind: &ChargeKind| word(*kind).is_some_and(|word| text.contains(word));
    let mut named =
        [ChargeKind::ServiceFee, ChargeKind::MembershipFee].into_iter().filter(is_named);
    named.next().filter(|_| named.next().is_none())
}

/// Returns the word by which a line is recognized as a member's fee, as runs write it; `None` for
/// special fees.
pub(super) fn word(kind: ChargeKind) -> Option<&'static str> {
    match kind {
        ChargeKind::SpecialFee => None,
        ChargeKind::ServiceFee => Some("serviceavgift"),
        ChargeKind::MembershipFee => Some("medlemsavgift"),
    }
}

/// Returns the charge for a line of a run.
#[must_use]
pub(super) fn of_run(
    kind: ChargeKind,
    year: i32,
    round: i32,
    line: InvoiceLineId,
    payer: Uuid,
) -> Model {
    let (agreement_id, member_id) = if kind == ChargeKind::SpecialFee {
        (Some(AgreementId(payer)), None)
    } else {
        (None, Some(MemberId(payer)))
    };
    Model { line_id: line, kind, year, round, agreement_id, member_id }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn line(description: &str, net: i64, days: Option<(&str, &str)>) -> invoice_line::Model {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        invoice_line::Model {
            description: description.into(),
            net: Money(net),
            period_from: days.map(|(from, _)| day(from)),
            period_to: days.map(|(_, to)| day(to)),
            ..invoice_line::Model::default()
        }
    }

    const YEAR: Option<(&str, &str)> = Some(("2026-01-01", "2026-12-31"));

    #[test]
    fn a_fee_of_a_member_is_named_by_its_word() {
        for (description, expected) in [
            ("Serviceavgift 2026", Some(ChargeKind::ServiceFee)),
            ("MEDLEMSAVGIFT", Some(ChargeKind::MembershipFee)),
            ("Medlemsavgift 2026 (utom serviceavgift)", None),
            ("Kurs", None),
        ] {
            assert_eq!(fee_by_words(description), expected, "{description}");
        }
    }

    #[test]
    fn sums_are_those_of_lines_within_one_year() {
        let (member, agreement) = (MemberId::new(), AgreementId::new());
        let special = |net: i64, days| invoice_line::Model {
            agreement_id: Some(agreement),
            ..line("Särskild avgift", net, days)
        };
        let mut invoice = InvoiceAggregate {
            lines: vec![
                line("Serviceavgift", 400, YEAR),
                line("Serviceavgift", 100, YEAR),
                line("Serviceavgift", -50, YEAR),
                line("Serviceavgift", 30, None),
                line("Kurs", 20, YEAR),
                special(700, YEAR),
                special(7, Some(("2026-07-01", "2027-06-30"))),
            ],
            ..InvoiceAggregate::default()
        };
        invoice.row.member_id = Some(member);
        let special_fees =
            ((ChargeKind::SpecialFee, 2026), BTreeMap::from([(agreement.0, Money(700))]));
        let service_fees =
            ((ChargeKind::ServiceFee, 2026), BTreeMap::from([(member.0, Money(500))]));
        assert_eq!(charged_sums(&invoice), FeeSums::from([special_fees.clone(), service_fees]));
        // An organisation pays no member's fee.
        invoice.row.member_id = None;
        assert_eq!(charged_sums(&invoice), FeeSums::from([special_fees]));
    }

    #[test]
    fn a_charge_is_of_an_agreement_or_of_a_member() {
        let (line, payer) = (InvoiceLineId::new(), AgreementId::new().0);
        let payers = |kind| {
            let charge = of_run(kind, 2026, 1, line, payer);
            (charge.agreement_id.map(|id| id.0), charge.member_id.map(|id| id.0))
        };
        assert_eq!(payers(ChargeKind::SpecialFee), (Some(payer), None));
        assert_eq!(payers(ChargeKind::ServiceFee), (None, Some(payer)));
        assert_eq!(payers(ChargeKind::MembershipFee), (None, Some(payer)));
    }
}
