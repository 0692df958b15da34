//! How lines are taxed for which no one states it: as their agreement says, or else as the network's tax decision does; and why exempt ones are exempt.

use ::entity::{
    id::ActivityId,
    invoice_line,
    kind::{ChargeKind, VatRate},
};
use chrono::NaiveDate;
use sea_orm::ConnectionTrait;

use super::{charges, whole::Whole};
use crate::{
    activities::tax_decisions::{TaxDecisions, Taxed},
    error::Result,
};

/// Returns the fee that a line is of, as its activity or its text tells; `None` if it is of none.
pub(super) fn taxed(is_of_member: bool, activity: Option<ActivityId>, description: &str) -> Option<Taxed> {
    match activity {
        Some(_) => Some((ChargeKind::SpecialFee, activity)),
        None => charges::fee_by_words(description).filter(|_| is_of_member).map(|fee| (fee, None)),
    }
}

/// Gives an exempt line without a reason that of the tax decision about its fee, if the decision is that it is exempt.
pub(super) fn complete(line: &mut invoice_line::Model, taxed: Option<Taxed>, decisions: &TaxDecisions) {
    if !lacks_reason(line) {
        return;
    }
    let decision = taxed.and_then(|taxed| decisions.about(taxed)).filter(|decision| decision.vat_rate == VatRate::Exempt);
    if let Some(decision) = decision {
        line.exemption_reason.clone_from(&decision.exemption_reason);
        line.exemption_code.clone_from(&decision.exemption_code);
    }
}

/// Gives each exempt line of an invoice its reason on the day of issue. Reads the decisions only when a line lacks one.
///
/// # Errors
/// INTERNAL when the database fails.
pub(super) async fn complete_all(db: &impl ConnectionTrait, whole: &mut Whole, issued_on: NaiveDate) -> Result<()> {
    if !whole.lines.iter().any(lacks_reason) {
        return Ok(());
    }
    let decisions = TaxDecisions::on(db, issued_on).await?;
    let is_of_member = whole.row.member_id.is_some();
    for line in &mut whole.lines {
        let taxed = taxed(is_of_member, line.activity_id, &line.description);
        complete(line, taxed, &decisions);
    }
    Ok(())
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
        ] {
            assert_eq!(taxed(is_of_member, activity, description), expected, "{description}");
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
            let mut line = invoice_line::Model { vat_rate, exemption_reason: own.map(Into::into), ..invoice_line::Model::default() };
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
