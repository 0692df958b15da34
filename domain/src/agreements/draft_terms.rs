//! The terms of a draft: its row for an input, and the errors of its term and its missing fee.

use ::entity::{
    agreement::Model,
    id::{ActivityId, OrganisationId},
    kind::{AgreementKind, FundingKind},
    template, template_version,
};

use super::{
    draft_input::NewAgreement,
    eligibility::EligibilityFacts,
    fee::{Fee, FeeSource, direction},
};
use crate::error::{FieldErrorCode, ValidationErrors};

/// Default months of notice for an agreement that ends only by notice.
const DEFAULT_NOTICE_MONTHS: i32 = 3;

/// Adds the errors of the days and months of a term.
pub(super) fn check_term(new: &NewAgreement, errors: &mut ValidationErrors) {
    errors.expect(
        new.ends_on.is_none_or(|last| last >= new.starts_on),
        "ends_on",
        FieldErrorCode::TooEarly.problem("must not be before the first day"),
    );
    errors.expect(
        new.notice_months.is_none_or(|months| (0..=120).contains(&months)),
        "notice_months",
        FieldErrorCode::OutOfRange.problem("must be 0 to 120").with("min", 0).with("max", 120),
    );
    errors.expect(
        new.renewal_months.is_none_or(|months| (1..=600).contains(&months)),
        "renewal_months",
        FieldErrorCode::OutOfRange.problem("must be 1 to 600").with("min", 1).with("max", 600),
    );
    let has_term = new.renewal_months.is_none() || new.ends_on.is_some();
    let problem = FieldErrorCode::Mismatch.problem("needs the last day of the first term");
    errors.expect(has_term, "renewal_months", problem);
}

/// Returns the activity of a draft: that of the template, or else that of the input. Adds an error
/// if both have one and they differ.
pub(super) fn choose_activity(
    template: &template::Model,
    new: &NewAgreement,
    errors: &mut ValidationErrors,
) -> Option<ActivityId> {
    if let Some(of_template) = template.activity_id {
        let message = "must be left out: the template is for another activity";
        errors.expect(
            new.activity.is_none_or(|values| values == of_template),
            "activity_id",
            FieldErrorCode::NotAllowed.problem(message),
        );
    }
    template.activity_id.or(new.activity)
}

/// Returns the row of a draft with the terms of an input, and defaults for those that it omits.
pub(super) fn with_terms(
    row: Model,
    new: &NewAgreement,
    (template, version): (&template::Model, &template_version::Model),
    facts: &EligibilityFacts,
    organisation_id: Option<OrganisationId>,
    fee: Option<Fee>,
) -> Model {
    let must_give_notice = new.ends_on.is_none() || new.renewal_months.is_some();
    Model {
        kind: template.kind,
        direction: new.direction.unwrap_or_else(|| direction(template.kind, fee)),
        activity_id: facts.activity.as_ref().map(|activity| activity.id),
        member_id: facts.member.as_ref().map(|member| member.id),
        organisation_id,
        template_version_id: Some(version.id),
        starts_on: new.starts_on,
        ends_on: new.ends_on,
        notice_months: new.notice_months.unwrap_or(if must_give_notice {
            DEFAULT_NOTICE_MONTHS
        } else {
            0
        }),
        renewal_months: new.renewal_months,
        fee_basis: fee.map(|fee| fee.basis),
        fee_amount: fee.and_then(|fee| fee.amount),
        fee_per_mille: fee.and_then(|fee| fee.per_mille),
        fee_cap: fee.and_then(|fee| fee.cap),
        fee_minimum: fee.and_then(|fee| fee.minimum),
        fee_allocation_basis: fee.and_then(|fee| fee.allocation_basis),
        vat_rate: fee.map(|fee| fee.vat_rate),
        ..row
    }
}

/// Adds an error if the input omits the fee of an activity that is funded only by special fees and
/// has no price. A participation without a fee must be stated explicitly, with a null fee.
pub(super) fn expect_price(
    new: &NewAgreement,
    row: &Model,
    EligibilityFacts { activity, funding, .. }: &EligibilityFacts,
    errors: &mut ValidationErrors,
) {
    let is_fee_omitted = row.kind == AgreementKind::Participation
        && row.fee_basis.is_none()
        && matches!(new.fee, FeeSource::Schedule(_));
    if let Some(activity) =
        activity.as_ref().filter(|_| is_fee_omitted && *funding == [FundingKind::SpecialFee])
    {
        let message = format!(
            "is needed: {} is funded by special fees and has no price on {}; set null for no fee",
            activity.name, new.starts_on
        );
        errors.add("fee", FieldErrorCode::Required.problem(message));
    }
}

#[cfg(test)]
mod tests {
    use ::entity::{
        activity,
        id::{MemberId, TemplateId},
        kind::Direction,
    };
    use chrono::NaiveDate;

    use super::*;
    use crate::agreements::Counterparty;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn new() -> NewAgreement {
        NewAgreement {
            template: TemplateId::default(),
            template_version: None,
            activity: None,
            counterparty: Counterparty::Member(MemberId::default()),
            direction: None,
            parameters: serde_json::Map::new(),
            starts_on: day("2026-01-01"),
            ends_on: Some(day("2026-12-31")),
            notice_months: None,
            renewal_months: None,
            fee: FeeSource::default(),
            decision: None,
        }
    }

    fn fields(errors: ValidationErrors) -> Vec<String> {
        errors.into_inner().into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn days_and_months_of_a_term_are_checked() {
        for (new, expected) in [
            (new(), &[][..]),
            (NewAgreement { ends_on: Some(day("2026-01-01")), ..new() }, &[]),
            (NewAgreement { ends_on: Some(day("2025-12-31")), ..new() }, &["ends_on"]),
            (NewAgreement { notice_months: Some(120), ..new() }, &[]),
            (NewAgreement { notice_months: Some(121), ..new() }, &["notice_months"]),
            (NewAgreement { notice_months: Some(-1), ..new() }, &["notice_months"]),
            (NewAgreement { renewal_months: Some(600), ..new() }, &[]),
            (NewAgreement { renewal_months: Some(0), ..new() }, &["renewal_months"]),
            (
                NewAgreement { renewal_months: Some(12), ends_on: None, ..new() },
                &["renewal_months"],
            ),
        ] {
            let mut errors = ValidationErrors::default();
            check_term(&new, &mut errors);
            assert_eq!(fields(errors), expected, "{new:?}");
        }
    }

    #[test]
    fn months_of_notice_and_direction_have_defaults() {
        let template =
            template::Model { kind: AgreementKind::Assignment, ..template::Model::default() };
        let version = template_version::Model::default();
        let row = |new: &NewAgreement| {
            let facts = EligibilityFacts::default();
            with_terms(Model::default(), new, (&template, &version), &facts, None, None)
        };
        for (new, expected) in [
            (new(), 0),
            (NewAgreement { ends_on: None, ..new() }, 3),
            (NewAgreement { renewal_months: Some(12), ..new() }, 3),
            (NewAgreement { notice_months: Some(0), ends_on: None, ..new() }, 0),
        ] {
            assert_eq!(row(&new).notice_months, expected, "{new:?}");
        }
        assert_eq!(row(&new()).direction, Direction::Cost);
        let stated = NewAgreement { direction: Some(Direction::None), ..new() };
        assert_eq!(row(&stated).direction, Direction::None);
    }

    #[test]
    fn the_activity_is_that_of_the_template() {
        let (one, other) = (ActivityId::new(), ActivityId::new());
        for (of_template, of_input, expected, has_error) in [
            (None, None, None, false),
            (None, Some(one), Some(one), false),
            (Some(one), None, Some(one), false),
            (Some(one), Some(one), Some(one), false),
            (Some(one), Some(other), Some(one), true),
        ] {
            let template = template::Model { activity_id: of_template, ..Default::default() };
            let mut errors = ValidationErrors::default();
            let new = NewAgreement { activity: of_input, ..new() };
            assert_eq!(choose_activity(&template, &new, &mut errors), expected);
            assert_eq!(!errors.is_empty(), has_error, "{of_template:?} {of_input:?}");
        }
    }

    #[test]
    fn a_free_participation_in_an_activity_of_special_fees_is_stated() {
        let facts = EligibilityFacts {
            activity: Some(activity::Model::default()),
            funding: vec![FundingKind::SpecialFee],
            ..EligibilityFacts::default()
        };
        let row = Model { kind: AgreementKind::Participation, ..Model::default() };
        let has_error = |new: &NewAgreement, facts: &EligibilityFacts| {
            let mut errors = ValidationErrors::default();
            expect_price(new, &row, facts, &mut errors);
            !errors.is_empty()
        };
        assert!(has_error(&new(), &facts));
        let free = NewAgreement { fee: FeeSource::Explicit(None), ..new() };
        assert!(!has_error(&free, &facts));
        let funding = vec![FundingKind::SpecialFee, FundingKind::Grant];
        assert!(!has_error(&new(), &EligibilityFacts { funding, ..facts }));
    }
}
