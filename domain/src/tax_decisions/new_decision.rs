//! A tax decision as a user enters it, and its checks.

use ::entity::{
    id::{ActivityId, TaxDecisionId},
    kind::{ChargeKind, VatRate},
    tax_decision::Model,
};
use chrono::NaiveDate;

use super::exemption::{NO_RATE_OF_ZERO, checked_exemption};
use crate::error::{FieldErrorCode, LINE, ValidationErrors};

/// Input for recording a tax decision.
#[derive(Clone, Debug, Default)]
pub struct NewTaxDecision {
    /// The fee.
    pub fee: ChargeKind,
    /// The activity, for special fees.
    pub activity_id: Option<ActivityId>,
    /// The first day of issue that the decision applies to; null: the day of the decision.
    pub valid_from: Option<NaiveDate>,
    /// VAT treatment.
    pub vat_rate: VatRate,
    /// The reason for the exemption in words; only for exempt supplies.
    pub exemption_reason: Option<String>,
    /// The VATEX code of the reason; null: none applies.
    pub exemption_code: Option<String>,
    /// Day of the decision.
    pub decided_on: NaiveDate,
    /// Reference to the document with the decision.
    pub reference: String,
}

impl NewTaxDecision {
    /// Returns the row, and adds an error for each invalid field.
    pub(super) fn check(&self, today: NaiveDate, errors: &mut ValidationErrors) -> Model {
        let is_special = self.fee == ChargeKind::SpecialFee;
        errors.expect(
            !is_special || self.activity_id.is_some(),
            "activity_id",
            FieldErrorCode::Required.problem("is needed for SPECIAL_FEE"),
        );
        errors.expect(
            is_special || self.activity_id.is_none(),
            "activity_id",
            FieldErrorCode::NotAllowed.problem("is only for SPECIAL_FEE"),
        );
        errors.expect(
            self.vat_rate != VatRate::Zero,
            "vat_rate",
            FieldErrorCode::Unsupported.problem(NO_RATE_OF_ZERO),
        );
        errors.expect(
            self.decided_on <= today,
            "decided_on",
            FieldErrorCode::too_late(today, "must not be after today"),
        );
        let stated = (self.exemption_reason.as_deref(), self.exemption_code.as_deref());
        let (exemption_reason, exemption_code) =
            checked_exemption(self.vat_rate, stated, "", errors);
        let is_reasoned = self.vat_rate != VatRate::Exempt || exemption_reason.is_some();
        let message = "is needed for EXEMPT: an invoice says why it has no VAT (mervärdesskattelag 2023:200, 17 kap. 24 §)";
        errors.expect(is_reasoned, "exemption_reason", FieldErrorCode::Required.problem(message));
        Model {
            id: TaxDecisionId::new(),
            fee: self.fee,
            activity_id: self.activity_id,
            valid_from: self.valid_from.unwrap_or(self.decided_on),
            vat_rate: self.vat_rate,
            exemption_reason,
            exemption_code,
            decided_on: self.decided_on,
            reference: errors.text("reference", &self.reference, LINE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_decision_has_all_data_that_an_invoice_needs() {
        let bad = |new: NewTaxDecision| {
            let mut errors = ValidationErrors::default();
            new.check(day("2026-11-21"), &mut errors);
            errors.into_inner().into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        let service = NewTaxDecision {
            fee: ChargeKind::ServiceFee,
            vat_rate: VatRate::OutsideScope,
            decided_on: day("2026-11-21"),
            reference: "Styrelsen § 7".into(),
            ..NewTaxDecision::default()
        };
        let reason = Some("Utbildning, 10 kap. 13 § mervärdesskattelagen".to_owned());
        assert!(bad(service.clone()).is_empty());
        assert_eq!(
            bad(NewTaxDecision { vat_rate: VatRate::Zero, ..service.clone() }),
            ["vat_rate"]
        );
        assert_eq!(
            bad(NewTaxDecision { vat_rate: VatRate::Exempt, ..service.clone() }),
            ["exemption_reason"]
        );
        assert_eq!(
            bad(NewTaxDecision { exemption_reason: reason.clone(), ..service.clone() }),
            ["exemption_reason"]
        );
        assert_eq!(
            bad(NewTaxDecision { activity_id: Some(ActivityId::new()), ..service.clone() }),
            ["activity_id"]
        );
        assert_eq!(
            bad(NewTaxDecision { fee: ChargeKind::SpecialFee, ..service.clone() }),
            ["activity_id"]
        );
        assert_eq!(
            bad(NewTaxDecision { decided_on: day("2026-11-22"), ..service.clone() }),
            ["decided_on"]
        );
        let exempt =
            NewTaxDecision { vat_rate: VatRate::Exempt, exemption_reason: reason, ..service };
        let invisible =
            NewTaxDecision { exemption_reason: Some("Ut\u{ad}bildning".into()), ..exempt.clone() };
        assert_eq!(bad(invisible), ["exemption_reason"]);
        for code in ["VATEX-EU-132-1I", "vatex-eu-135-1"] {
            assert!(
                bad(NewTaxDecision { exemption_code: Some(code.into()), ..exempt.clone() })
                    .is_empty(),
                "{code}"
            );
        }
        for code in ["VATEX-EU-O", "VATEX-EU-AE", "132-1I"] {
            let new = NewTaxDecision { exemption_code: Some(code.into()), ..exempt.clone() };
            assert_eq!(bad(new), ["exemption_code"], "{code}");
        }
    }
}
