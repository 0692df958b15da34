//! VAT treatment of lines that state none: from their agreement, or else from the network's tax
//! decision. Also the reasons of exempt lines.

use ::entity::{
    id::ActivityId,
    invoice_line,
    kind::{ChargeKind, VatRate},
};

use super::{aggregate::InvoiceAggregate, fee_lines};
use crate::{
    codes::WarningCode,
    idempotency::Warning,
    tax_decisions::in_force::{TaxDecisions, Taxed},
};

/// Returns the fee of a line, by its activity or its text; `None` if it has none, or names both
/// fees of members.
pub(super) fn taxed(
    is_of_member: bool,
    activity: Option<ActivityId>,
    description: &str,
) -> Option<Taxed> {
    match activity {
        Some(_) => Some((ChargeKind::SpecialFee, activity)),
        None => {
            fee_lines::fee_by_words(description).filter(|_| is_of_member).map(|fee| (fee, None))
        }
    }
}

/// Sets the reason on an exempt line without one, if the tax decision about its fee is that it is
/// exempt.
pub(super) fn complete(
    line: &mut invoice_line::Model,
    taxed: Option<Taxed>,
    decisions: &TaxDecisions,
) {
    if !lacks_reason(line) {
        return;
    }
    let decision = taxed
        .and_then(|taxed| decisions.about(taxed))
        .filter(|decision| decision.vat_rate == VatRate::Exempt);
    if let Some(decision) = decision {
        line.exemption_reason.clone_from(&decision.exemption_reason);
        line.exemption_code.clone_from(&decision.exemption_code);
    }
}

/// `true` if a line of an invoice is of a fee, so that a tax decision may be about it.
pub(super) fn has_fee(aggregate: &InvoiceAggregate) -> bool {
    let is_of_member = aggregate.row.member_id.is_some();
    let is_of_fee =
        |line: &invoice_line::Model| taxed(is_of_member, line.activity_id, &line.description);
    aggregate.lines.iter().any(|line| is_of_fee(line).is_some())
}

/// Sets the reason on each exempt line of an invoice by the decisions in force on the day of issue,
/// and returns a warning for each line whose VAT treatment differs from them.
pub(super) fn complete_all(
    aggregate: &mut InvoiceAggregate,
    decisions: &TaxDecisions,
) -> Vec<Warning> {
    let is_of_member = aggregate.row.member_id.is_some();
    let mut warnings = Vec::new();
    for line in &mut aggregate.lines {
        let taxed = taxed(is_of_member, line.activity_id, &line.description);
        complete(line, taxed, decisions);
        warnings.extend(difference(line, taxed, decisions));
    }
    warnings
}

/// Returns the warning about a line whose VAT treatment differs from the tax decision about its
/// fee; `None` if it does not differ, or if there is no decision.
fn difference(
    line: &invoice_line::Model,
    taxed: Option<Taxed>,
    decisions: &TaxDecisions,
) -> Option<Warning> {
    let decision = decisions.about(taxed?).filter(|decision| decision.vat_rate != line.vat_rate)?;
    let message = format!(
        "line {} has the VAT treatment {}, but the tax decision in force from {} on says {}; if the decision is right, credit the invoice and issue \
         it with that treatment",
        line.position, line.vat_rate, decision.valid_from, decision.vat_rate
    );
    Some(Warning { code: WarningCode::TaxDecisionDiffers, message })
}

fn lacks_reason(line: &invoice_line::Model) -> bool {
    line.vat_rate == VatRate::Exempt && line.exemption_reason.is_none()
}

#[cfg(test)]
mod tests {
    use ::entity::tax_decision;

    use super::*;

    #[test]
    fn a_line_is_of_its_activitys_fee_or_of_a_members() {
        let bip = ActivityId::new();
        for (is_of_member, activity, description, expected) in [
            (true, Some(bip), "Serviceavgift", Some((ChargeKind::SpecialFee, Some(bip)))),
            (true, None, "Serviceavgift 2027", Some((ChargeKind::ServiceFee, None))),
            (true, None, "Årets MEDLEMSAVGIFT", Some((ChargeKind::MembershipFee, None))),
            (false, None, "Medlemsavgift", None),
            (true, None, "Kurs", None),
            (true, None, "Medlemsavgift 2026 (utom serviceavgift)", None),
        ] {
            assert_eq!(taxed(is_of_member, activity, description), expected, "{description}");
        }
    }

    #[test]
    fn a_decision_is_needed_for_lines_of_fees_only() {
        let line = |description: &str| invoice_line::Model {
            description: description.into(),
            ..invoice_line::Model::default()
        };
        let mut invoice = InvoiceAggregate {
            lines: vec![line("Kurs"), line("Serviceavgift 2027")],
            ..InvoiceAggregate::default()
        };
        assert!(!has_fee(&invoice), "an organisation pays no member's fee");
        invoice.row.member_id = Some(::entity::id::MemberId::new());
        assert!(has_fee(&invoice));
        invoice.lines.pop();
        assert!(!has_fee(&invoice));
        assert!(complete_all(&mut invoice, &TaxDecisions::default()).is_empty());
    }

    #[test]
    fn a_line_that_differs_from_the_decision_has_a_warning() {
        let bip = ActivityId::new();
        let decisions: TaxDecisions = [tax_decision::Model {
            fee: ChargeKind::SpecialFee,
            activity_id: Some(bip),
            vat_rate: VatRate::Exempt,
            ..tax_decision::Model::default()
        }]
        .into_iter()
        .collect();
        for (activity, vat_rate, is_warned) in [
            (Some(bip), VatRate::Standard25, true),
            (Some(bip), VatRate::Exempt, false),
            (Some(ActivityId::new()), VatRate::Standard25, false),
            (None, VatRate::Standard25, false),
        ] {
            let line = invoice_line::Model {
                position: 1,
                vat_rate,
                activity_id: activity,
                ..invoice_line::Model::default()
            };
            assert_eq!(
                difference(&line, taxed(true, activity, ""), &decisions).is_some(),
                is_warned,
                "{vat_rate:?}"
            );
        }
    }

    #[test]
    fn an_exempt_line_has_the_reason_of_its_own_fee() {
        let [bip, other] = [ActivityId::new(), ActivityId::new()];
        let decisions: TaxDecisions = [tax_decision::Model {
            fee: ChargeKind::SpecialFee,
            activity_id: Some(bip),
            vat_rate: VatRate::Exempt,
            exemption_reason: Some("Utbildning".into()),
            exemption_code: Some("VATEX-EU-132-1I".into()),
            ..tax_decision::Model::default()
        }]
        .into_iter()
        .collect();
        let reason = |activity, vat_rate, own: Option<&str>| {
            let mut line = invoice_line::Model {
                vat_rate,
                exemption_reason: own.map(Into::into),
                ..invoice_line::Model::default()
            };
            complete(&mut line, taxed(true, Some(activity), ""), &decisions);
            (line.exemption_reason, line.exemption_code)
        };
        let decided = (Some("Utbildning".to_owned()), Some("VATEX-EU-132-1I".to_owned()));
        assert_eq!(reason(bip, VatRate::Exempt, None), decided);
        assert_eq!(reason(bip, VatRate::Exempt, Some("Vård")), (Some("Vård".to_owned()), None));
        assert_eq!(reason(bip, VatRate::Standard25, None), (None, None));
        assert_eq!(reason(other, VatRate::Exempt, None), (None, None));
    }
}
